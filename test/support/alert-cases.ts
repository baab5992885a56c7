/** What a Prometheus sees, a value a minute, in the notation of `promtool test rules`. */
type Series = Readonly<Record<string, string>>

/** The values of 45 minutes. */
const always = (value: number) => `${value}x45`
const growing = '0+1x45'
const onceLately = '0x35 1x10'

const settled = (failure: string) => `stemgate_settled_tasks_total{provider="kie",status="any",failure="${failure}"}`
const callbacks = (result: string) => `stemgate_callbacks_total{provider="kie",result="${result}"}`
/** A histogram whose observations are all above a bound. */
const allAbove = (name: string, labels: string, bound: number): Series => ({
  [`${name}_bucket{${labels},le="${bound}"}`]: always(0),
  [`${name}_bucket{${labels},le="${bound * 5}"}`]: growing,
  [`${name}_bucket{${labels},le="+Inf"}`]: growing,
})

/** For each alert, what raises it, and no other. */
export const alertCases: readonly { readonly alert: string; readonly series: Series }[] = [
  {
    alert: 'StemgateChargeUnknown',
    series: { 'stemgate_charges_total{provider="kie",charge="maybe"}': onceLately },
  },
  {
    alert: 'StemgateOutOfCredits',
    series: {
      'stemgate_orders_total{provider="kie",outcome="refused",reason="insufficient-credits"}': onceLately,
    },
  },
  { alert: 'StemgateCreditsLow', series: { 'stemgate_provider_credits_low{provider="kie"}': always(1) } },
  { alert: 'StemgateTasksFail', series: { [settled('GENERATION_FAILED')]: growing, [settled('none')]: always(0) } },
  { alert: 'StemgateTasksOverdue', series: { 'stemgate_overdue_tasks{provider="kie"}': always(1) } },
  {
    alert: 'StemgateTaskTooOld',
    series: { 'stemgate_oldest_pending_task_age_seconds{provider="kie"}': always(30_000) },
  },
  { alert: 'StemgateQueueGrows', series: { 'stemgate_queued_tasks{provider="kie"}': '0+10x45' } },
  { alert: 'StemgatePushSlow', series: allAbove('stemgate_callback_to_push_seconds', 'provider="kie"', 10) },
  { alert: 'StemgateProviderUnreachable', series: { 'stemgate_provider_reachable{provider="kie"}': always(0) } },
  { alert: 'StemgateProviderPaused', series: { 'stemgate_provider_breaker_open{provider="kie"}': always(1) } },
  { alert: 'StemgateKeyRefused', series: { 'stemgate_provider_key_accepted{provider="kie",key="2"}': always(0) } },
  {
    alert: 'StemgateNoCallbacks',
    series: { [settled('none').replace('any', 'SUCCESS')]: growing, [callbacks('saved')]: always(7) },
  },
  { alert: 'StemgateCallbacksNotTrusted', series: { [callbacks('untrusted')]: growing } },
  { alert: 'StemgateTasksMissing', series: { [callbacks('restored')]: onceLately } },
  { alert: 'StemgateDown', series: { 'up{job="stemgate",instance="a"}': always(0) } },
  { alert: 'StemgateNotReady', series: { 'stemgate_ready{instance="a"}': always(0) } },
  {
    alert: 'StemgateStoreErrors',
    series: { 'stemgate_store_errors_total{instance="a",operation="read",kind="unavailable"}': growing },
  },
  { alert: 'StemgateStoreSlow', series: allAbove('stemgate_store_operation_seconds', 'instance="a"', 1) },
  { alert: 'StemgateRedisDown', series: { 'stemgate_redis_up{instance="a"}': always(0) } },
  { alert: 'StemgateClockSkew', series: { 'stemgate_clock_skew_seconds{instance="a"}': always(-2) } },
  {
    alert: 'StemgateInternalErrors',
    series: {
      'stemgate_graphql_errors_total{instance="a",transport="http",code="INTERNAL_SERVER_ERROR"}': onceLately,
    },
  },
  { alert: 'StemgateLogLinesDropped', series: { 'stemgate_log_lines_dropped_total{instance="a"}': onceLately } },
  { alert: 'StemgateKeysFileUnusable', series: { 'stemgate_keys_file_usable{instance="a"}': always(0) } },
  {
    alert: 'StemgateWebhooksWait',
    series: { 'stemgate_oldest_waiting_webhook_age_seconds{instance="a"}': always(7_200) },
  },
  { alert: 'StemgateWebhooksPaused', series: { 'stemgate_paused_webhook_endpoints{instance="a"}': always(1) } },
]
