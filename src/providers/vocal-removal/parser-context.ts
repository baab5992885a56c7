import type { Log } from '../../runtime/log.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'
import type { Redact } from '../client/redact.ts'
import type { ParserContext } from './parse-record-info.ts'

/** The maximum number of omitted keys in a log line. */
const maxLoggedNames = 5
/** The maximum length of each of these keys, in characters. */
const maxLoggedNameLength = 60

/** Creates what the parsers of one provider need: its redaction, and the log of what they omit. */
export function createParserContext(provider: ProviderName, redact: Redact, log: Pick<Log, 'warn'>): ParserContext {
  return {
    redact,
    onOmitted: ({ stems, addresses }) =>
      log.warn(
        {
          event: 'answer.omitted',
          provider,
          stems,
          addresses: addresses.length,
          names: addresses.slice(0, maxLoggedNames).map((name) => redact(name, maxLoggedNameLength)),
        },
        'parts of an answer were omitted: too many stems, or URLs that are not http(s), too long or our callback URL',
      ),
  }
}
