import { describe, expect, test } from 'vitest'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { mistakesIn } from '../support/config-mistakes.ts'

describe('the sandbox', () => {
  const callers = { API_KEYS: 'web:0123456789abcdef' }
  const tokens = { JWT_JWKS_URL: 'https://login.example/k', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }

  test.each([
    { names: 'HOST and API_KEYS', environment: { HOST: '0.0.0.0', ...callers } },
    { names: 'PUBLIC_URL', environment: { PUBLIC_URL: 'https://stems.example' } },
    { names: 'API_KEYS', environment: callers },
    { names: 'API_KEYS_FILE', environment: { API_KEYS_FILE: 'keys' } },
    { names: 'JWT_JWKS_URL, JWT_ISSUER, and JWT_AUDIENCE', environment: tokens },
    { names: 'ALLOW_ANONYMOUS', environment: { ALLOW_ANONYMOUS: 'true' } },
    { names: 'KIE_BASE_URL', environment: { KIE_BASE_URL: 'https://kie.example' } },
    { names: 'KIE_WEBHOOK_KEY', environment: { KIE_WEBHOOK_KEY: 'webhook-key' } },
    { names: 'KIE_API_KEY (blank)', environment: { KIE_API_KEY: '' } },
    { names: 'SUNOAPI_API_KEY (blank)', environment: { SUNOAPI_API_KEY: ' \n' } },
    { names: 'KIE_APIKEY (blank)', environment: { KIE_APIKEY: '' } },
  ])('is refused with $names unless SANDBOX=true', ({ names, environment }) => {
    for (const sandbox of [{}, { SANDBOX: '' }]) {
      const mistakes = mistakesIn({ ...environment, ...sandbox })
      expect(mistakes).toEqual([expect.stringContaining(`with ${names}. No provider has a key`)])
    }
    expect(mistakesIn({ ...environment, SANDBOX: 'true' })).toEqual([])
  })

  test('runs if the gateway serves only this machine', () => {
    expect(mistakesIn({})).toEqual([])
    expect(mistakesIn({ HOST: '::1', PUBLIC_URL: 'http://localhost:4000', REDIS_URL: 'redis://127.0.0.1' })).toEqual([])
  })

  test('contradicts the key of a provider, because orders would be charged', () => {
    expect(mistakesIn({ SANDBOX: 'true', KIE_API_KEY: 'k', SUNOAPI_API_KEY: 'k' })).toEqual([
      expect.stringMatching(/^SANDBOX=true contradicts KIE_API_KEY and SUNOAPI_API_KEY: .*charged/),
    ])
    expect(mistakesIn({ SANDBOX: 'false', KIE_API_KEY: 'k' })).toEqual([])
  })

  test('can be forbidden, so that a missing key stops the start', () => {
    expect(mistakesIn({ SANDBOX: 'false' })).toEqual([expect.stringMatching(/^SANDBOX=false leaves no provider/)])
    expect(mistakesIn({ SANDBOX: 'false', KIE_API_KEY: '' })).toHaveLength(1)
  })

  test('is not mentioned if a key is invalid or a provider has one', () => {
    expect(mistakesIn({ ...callers, KIE_API_KEY: 'two words' })).toEqual([expect.stringMatching(/^KIE_API_KEY must/)])
    expect(mistakesIn({ ...callers, SUNOAPI_API_KEY: 'k', KIE_API_KEY: '', KIE_BASE_URL: '' })).toEqual([])
  })
})

describe('an unknown variable', () => {
  test.each([
    ['KIE_APIKEY', 'KIE_API_KEY'],
    ['KIE_API_KYE', 'KIE_API_KEY'],
    ['KIE_API_KEYS', 'KIE_API_KEY'],
    ['KIE_API_KEY_FIEL', 'KIE_API_KEY_FILE'],
    ['KEI_API_KEY', 'KIE_API_KEY'],
    ['kie_api_key', 'KIE_API_KEY'],
    ['APIKLEY_API_KEY_2', 'APIKLEY_API_KEY'],
    ['APIKELY_API_KEY', 'APIKLEY_API_KEY'],
    ['SUNOAPI_APIKEY', 'SUNOAPI_API_KEY'],
    ['API_KEY', 'API_KEYS'],
    ['API_KEYS_FILES', 'API_KEYS_FILE'],
    ['PUBLIC_ULR', 'PUBLIC_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['REDIS_URLS', 'REDIS_URL'],
    ['CALLBACK_SECRETS', 'CALLBACK_SECRET'],
    ['ALLOW_ANONYMUS', 'ALLOW_ANONYMOUS'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['SUBMIT_TIMEOUT', 'SUBMIT_TIMEOUT_SECONDS'],
    ['SUBMIT_PER_10_SECONDS', 'SUBMITS_PER_10_SECONDS'],
    ['GIVEUP_AFTER_SECONDS', 'GIVE_UP_AFTER_SECONDS'],
    ['JWT_AUDIANCE', 'JWT_AUDIENCE'],
    ['SANBDOX', 'SANDBOX'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['PROT', 'PORT'],
    ['HSOT', 'HOST'],
  ])('%s is reported as a typo of %s', (name, meant) => {
    expect(mistakesIn({ [name]: 'hunter2' })).toEqual([`${name} is not known. Did you mean ${meant}?`])
    // A blank variable counts as unset.
    expect(mistakesIn({ [name]: ' ', SANDBOX: 'true' })).toEqual([])
  })

  test('with one of our prefixes is reported with the known names', () => {
    expect(mistakesIn({ JWT_SECRET: 'hunter2', CALLBACK_HOST: 'hunter2' })).toEqual([
      'CALLBACK_HOST is not known. The variables that begin with CALLBACK_ are CALLBACK_SECRET, CALLBACK_SECRET_FILE.',
      'JWT_SECRET is not known. The variables that begin with JWT_ are JWT_JWKS_URL, JWT_ISSUER, JWT_AUDIENCE.',
    ])
  })

  test('is reported together with all other mistakes', () => {
    expect(mistakesIn({ PORT: 'x', KIE_APIKEY: 'hunter2', HOST: '0.0.0.0' })).toEqual([
      expect.stringMatching(/^PORT must/),
      expect.stringMatching(/^HOST /),
      expect.stringMatching(/^SANDBOX must be true .* with HOST\./),
      'KIE_APIKEY is not known. Did you mean KIE_API_KEY?',
    ])
  })
})

/** The names of variables that these environments really set. */
const commonEnvironments: Readonly<Record<string, string>> = {
  'a shell on Linux':
    'SHELL USER LOGNAME HOME PWD OLDPWD PATH LANG LC_ALL LC_CTYPE TERM TERM_PROGRAM COLORTERM LS_COLORS EDITOR VISUAL PAGER LESS MAIL ' +
    'DISPLAY HOSTNAME HOSTTYPE OSTYPE MACHTYPE SHLVL HISTSIZE HISTCONTROL SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AUTH_SOCK TMPDIR ' +
    'XDG_RUNTIME_DIR XDG_SESSION_ID XDG_DATA_DIRS DBUS_SESSION_BUS_ADDRESS WINDOWID http_proxy https_proxy no_proxy HTTP_PROXY NO_PROXY _ TZ',
  'a shell on macOS':
    '__CF_USER_TEXT_ENCODING __CFBundleIdentifier COMMAND_MODE XPC_FLAGS XPC_SERVICE_NAME Apple_PubSub_Socket_Render SECURITYSESSIONID ' +
    'TERM_SESSION_ID ITERM_PROFILE HOMEBREW_PREFIX HOMEBREW_CELLAR INFOPATH MANPATH',
  Windows:
    'ALLUSERSPROFILE APPDATA COMPUTERNAME ComSpec CommonProgramFiles DriverData HOMEDRIVE HOMEPATH LOCALAPPDATA LOGONSERVER ' +
    'NUMBER_OF_PROCESSORS OS PATHEXT PROCESSOR_ARCHITECTURE ProgramData ProgramFiles PROMPT PSModulePath PUBLIC SESSIONNAME SystemDrive SystemRoot TEMP TMP USERDOMAIN USERNAME USERPROFILE windir',
  'npm run':
    'npm_config_registry npm_config_loglevel npm_config_user_agent npm_config_cache npm_config_noproxy npm_execpath npm_node_execpath ' +
    'npm_package_name npm_package_version npm_package_json npm_lifecycle_event npm_lifecycle_script npm_command INIT_CWD COLOR EDITOR NODE NODE_ENV NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NVM_DIR NVM_BIN VOLTA_HOME FNM_DIR COREPACK_HOME',
  'a Docker image':
    'PATH HOSTNAME HOME NODE_VERSION YARN_VERSION NODE_ENV container CONTAINER_NAME POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_HOST POSTGRES_PORT ' +
    'REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_TLS_URL DATABASE_HOST DATABASE_PORT DATABASE_USER DATABASE_PASSWORD DATABASE_NAME PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE',
  'Kubernetes with services that have our names':
    'KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS KUBERNETES_PORT KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_PROTO ' +
    'KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_ADDR KIE_SERVICE_HOST KIE_SERVICE_PORT KIE_SERVICE_PORT_HTTP KIE_PORT KIE_PORT_80_TCP ' +
    'KIE_PORT_80_TCP_PROTO KIE_PORT_80_TCP_PORT KIE_PORT_80_TCP_ADDR SANDBOX_SERVICE_HOST SANDBOX_PORT SANDBOX_PORT_4000_UDP_ADDR ' +
    'STEMGATE_SERVICE_HOST STEMGATE_SERVICE_PORT STEMGATE_PORT STEMGATE_PORT_4000_TCP_ADDR POD_NAME POD_IP POD_NAMESPACE NODE_NAME',
  'GitHub Actions':
    'CI GITHUB_ACTIONS GITHUB_TOKEN GITHUB_WORKSPACE GITHUB_SERVER_URL GITHUB_API_URL GITHUB_REF RUNNER_OS RUNNER_TEMP RUNNER_TOOL_CACHE ' +
    'ImageOS ImageVersion ACCEPT_EULA AGENT_TOOLSDIRECTORY ANDROID_HOME ANT_HOME JAVA_HOME JAVA_HOME_17_X64 CHROME_BIN CHROMEWEBDRIVER CONDA DOTNET_ROOT EDGEWEBDRIVER GECKOWEBDRIVER GOROOT_1_22_X64 GRADLE_HOME HOMEBREW_NO_AUTO_UPDATE INVOCATION_ID JOURNAL_STREAM PIPX_HOME SELENIUM_JAR_PATH SGX_AESM_ADDR SYSTEMD_EXEC_PID VCPKG_INSTALLATION_ROOT',
  'GitLab CI':
    'CI CI_JOB_ID CI_JOB_TOKEN CI_PROJECT_URL CI_API_V4_URL CI_SERVER_HOST CI_SERVER_PORT CI_SERVER_URL CI_REGISTRY_PASSWORD GITLAB_CI GITLAB_USER_EMAIL FF_USE_FASTZIP DOCKER_HOST DOCKER_TLS_CERTDIR DOCKER_DRIVER DOCKER_AUTH_CONFIG',
  platforms:
    'DYNO HEROKU_APP_NAME HEROKU_POSTGRESQL_AMBER_URL REDISCLOUD_URL REDIS_TLS_URL FLY_APP_NAME FLY_REGION PRIMARY_REGION RENDER RENDER_SERVICE_ID RENDER_EXTERNAL_URL RAILWAY_PUBLIC_DOMAIN ' +
    'K_SERVICE K_REVISION K_CONFIGURATION CLOUD_RUN_JOB AWS_REGION AWS_EXECUTION_ENV ECS_CONTAINER_METADATA_URI WEBSITE_HOSTNAME WEBSITES_PORT NOTIFY_SOCKET LISTEN_FDS CREDENTIALS_DIRECTORY MEMORY_PRESSURE_WATCH',
  'common tools':
    'LOGLEVEL LOG_FILE DEBUG OPENAI_API_KEY ANTHROPIC_API_KEY SENTRY_DSN OTEL_METRICS_EXPORTER OTEL_LOGS_EXPORTER OTEL_PROPAGATORS OTEL_BLRP_SCHEDULE_DELAY OTEL_EXPORTER_OTLP_INSECURE DD_AGENT_HOST NEW_RELIC_LICENSE_KEY ' +
    'REQUESTS_CA_BUNDLE SSL_CERT_FILE CURL_CA_BUNDLE PUBLIC_KEY PUBLIC_DIR BASE_URL APP_URL API_URL GRAPHQL_URL SUNO_API_KEY IS_SANDBOX CODEX_SANDBOX VITEST VITEST_POOL_ID TEST_POSTGRES_URL TEST_REDIS_URL PYTHONUNBUFFERED VSCODE_PID GIT_ASKPASS FORCE_COLOR HOSTS PORTS POST MOST SORT HOME ROOT',
}

test.each(Object.entries(commonEnvironments))('the variables of %s are accepted', (_where, names) => {
  const set = Object.fromEntries(names.split(' ').map((name) => [name, 'x']))
  expect(mistakesIn(set)).toEqual([])
})

test('the program does not start with a typo in the name of a key, and suggests the right name', async () => {
  const program = startProgram({
    DATABASE_URL: await newDatabaseUrl(),
    API_KEYS: 'web:0123456789abcdef',
    PUBLIC_URL: 'https://stems.example',
    KIE_APIKEY: 'hunter2',
  })
  expect(await program.exit).toBe(1)
  expect(program.stderr()).toContain('KIE_APIKEY is not known. Did you mean KIE_API_KEY?')
  expect(program.stderr()).toContain('SANDBOX must be true')
  expect(program.stdout() + program.stderr()).not.toContain('hunter2')
})
