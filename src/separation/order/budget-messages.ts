import { createHash } from 'node:crypto'
import { publicNameOf } from '../public-name.ts'
import { webhookEndpoint } from '../webhooks/webhook-endpoint.ts'
import type { WebhookDraft } from '../store/webhook-queue.ts'
import { warningShare } from './budget-warnings.ts'
import type { ClaimOnBudget } from './budget-claims.ts'

/**
 * The messages to a caller about budgets of which an order has used most. Exactly one order of a day or month passes the
 * threshold, so each budget is told once, unless refused orders are given back and another order passes it again: then the
 * message has the same id.
 * @param used what each budget has with the order, in the order of the claims
 */
export function budgetMessages(
  owner: string,
  webhookUrl: string | null,
  claims: readonly ClaimOnBudget[],
  used: readonly number[],
  nowMs: number,
): readonly WebhookDraft[] {
  if (webhookUrl === null) return []
  const endpoint = webhookEndpoint(owner, webhookUrl)
  return claims.flatMap(({ budget, name, startMs, endMs, limit, amount }, index) => {
    const after = used[index] ?? 0
    const threshold = warningShare * limit
    if (after < threshold || after - amount >= threshold) return []
    const data = {
      kind: publicNameOf(budget.kind),
      period: publicNameOf(budget.period),
      limit,
      used: after,
      resetsAt: new Date(endMs).toISOString(),
    }
    const id = createHash('sha256')
      .update(JSON.stringify([endpoint.id, name, startMs]))
      .digest('hex')
    return [
      {
        id: `msg_budget_${id.slice(0, 32)}`,
        endpoint,
        type: 'budget.warning' as const,
        data: JSON.stringify(data),
        createdAtMs: nowMs,
      },
    ]
  })
}
