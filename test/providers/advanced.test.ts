import { describe, expect, test } from 'vitest'
import { ReadDocument } from '../../schema/operations.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTask, storedTasks, untilSettled } from '../support/gateway.ts'
import { recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'

async function start() {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' }, undefined, {
    callbackGraceMs: 500,
  })
  const store = await openStoreOf(gateway)
  return { provider, gateway, store }
}

/** A pair of `split_stem_advanced`: the named stem, and the mix without it. Both have its name. */
function pairOf(name: string | null) {
  const half = (which: string, duration: unknown) => ({
    id: `${which}-${name}`,
    duration,
    audio_url: `https://files.example/${which} ${name}.mp3`,
    stem_type_group_name: name,
  })
  return { extract: half('extract', 187.24), remove: half('remove', '187.30') }
}

const shown = (which: string, name: string) => `https://files.example/${which}%20${name.replaceAll(' ', '%20')}.mp3`

describe('a split_stem_advanced task', () => {
  test('has both halves as stems when it is adopted', async () => {
    const { provider, gateway, store } = await start()
    provider.answerRead(recordOfSuccess('outside', { response: { id: 'r', originData: [pairOf('Kick')] } }))
    const { data, errors } = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(errors).toBeUndefined()
    expect(data?.separation).toMatchObject({
      status: 'SUCCESS',
      type: null,
      stems: { __typename: 'InstrumentStems' },
      allStems: [
        { part: 'OTHER', label: 'Kick', url: shown('extract', 'Kick'), durationSeconds: 187.24 },
        { part: 'OTHER', label: 'Without Kick', url: shown('remove', 'Kick'), durationSeconds: 187.3 },
      ],
    })
    expect(await storedTasks(store)).toMatchObject([
      { stems: [{ originId: 'extract-Kick' }, { originId: 'remove-Kick' }] },
    ])
  })

  test('shows an extracted known part as that part, and never shows the rest as one', async () => {
    const { provider, gateway } = await start()
    provider.answerRead(recordOfSuccess('outside', { response: { originData: [pairOf('Lead Vocal')] } }))
    const { data } = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(data?.separation).toMatchObject({
      type: null,
      allStems: [
        { part: 'VOCAL', label: 'Lead Vocal' },
        { part: 'OTHER', label: 'Without Lead Vocal' },
      ],
    })
  })

  test.each(['Drums', 'Instrumental', 'Bass'])('of %s implies no other type', async (name) => {
    const { provider, gateway } = await start()
    provider.answerRead(recordOfSuccess('outside', { response: { originData: [pairOf(name)] } }))
    const { data } = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(data?.separation).toMatchObject({ status: 'SUCCESS', type: null, allStems: { length: 2 } })
  })

  test('is read from a callback in Kie’s envelope', async () => {
    for (const origin_data of [[pairOf('Kick')], JSON.stringify([pairOf('Kick')])]) {
      const { provider, gateway, store } = await start()
      provider.answerRead((response) => void response.writeHead(500).end())
      const taskId = await order(gateway, { type: 'SPLIT_STEM' })
      const { callBackUrl } = (await provider.order(0)).body
      const data = { task_id: 'provider-task-1', vocal_removal_info: { origin_data } }
      expect(await provider.callBack(callBackUrl, { code: 200, msg: 'success', data })).toBe(200)
      const { status, allStems } = await untilSettled(gateway, taskId)
      expect(status).toBe('SUCCESS')
      expect(allStems.map(({ label }) => label)).toEqual(['Kick', 'Without Kick'])
      expect(await storedTask(store, taskId)).toMatchObject({
        stems: [{ originId: 'extract-Kick' }, { originId: 'remove-Kick' }],
      })
    }
  })

  test('is completed by record-info after its callback, without duplicate stems', async () => {
    const { provider, gateway, store } = await start()
    provider.answerRead(recordOfSuccess('provider-task-1', { response: { originData: [pairOf('Kick')] } }))
    const taskId = await order(gateway, { type: 'SPLIT_STEM' })
    const { callBackUrl } = (await provider.order(0)).body
    const data = { task_id: 'provider-task-1', vocal_separation_info: { origin_data: [pairOf('Kick')] } }
    expect(await provider.callBack(callBackUrl, { code: 200, data })).toBe(200)
    expect((await untilSettled(gateway, taskId)).allStems).toHaveLength(2)
    const task = await storedTask(store, taskId)
    expect(task.state === 'succeeded' ? task.stems.map(({ url }) => url.by) : []).toEqual([
      'record-info',
      'record-info',
    ])
  })

  test('shows all stems of several pairs, also without a name, with a missing half, or beside a single stem', async () => {
    const { provider, gateway } = await start()
    const originData = [
      pairOf('Kick'),
      { ...pairOf('Kick'), extract: { ...pairOf('Kick').extract, audio_url: 'https://files.example/second.mp3' } },
      { extract: null, remove: pairOf('Snare').remove },
      { extract: pairOf('Cowbell').extract },
      { extract: { ...pairOf('Harp').extract, stem_type_group_name: null }, remove: pairOf('Harp').remove },
      { remove: { ...pairOf('x').remove, stem_type_group_name: '' } },
    ]
    provider.answerRead(recordOfSuccess('outside', { response: { originData } }))
    const { data } = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(data?.separation?.allStems.map(({ label }) => label).toSorted()).toEqual(
      [
        'Cowbell',
        'Harp',
        'Kick',
        'Kick 2',
        'Without Harp',
        'Without Kick',
        'Without Snare',
        'Without the extracted stem',
      ].toSorted(),
    )
  })

  test('numbers both halves of two pairs with one name alike, in any order of the list', async () => {
    const pairs = [
      ['1', 'd'],
      ['2', 'c'],
    ].map(([alone, rest]) => ({
      extract: { ...pairOf('Kick').extract, audio_url: `https://files.example/${alone}` },
      remove: { ...pairOf('Kick').remove, audio_url: `https://files.example/${rest}` },
    }))
    for (const originData of [pairs, pairs.toReversed()]) {
      const { provider, gateway } = await start()
      provider.answerRead(recordOfSuccess('outside', { response: { originData } }))
      const { data } = await gateway.send(ReadDocument, { taskId: 'outside' })
      expect(data?.separation?.allStems.map(({ label, url }) => [label, url.at(-1)])).toEqual([
        ['Kick', '1'],
        ['Kick 2', '2'],
        ['Without Kick', 'd'],
        ['Without Kick 2', 'c'],
      ])
    }
  })

  test('with an unknown state is a success when both halves are present', async () => {
    const { provider, gateway } = await start()
    const data = { successFlag: 'ALL_DONE', completeTime: null, response: { originData: pairOf('Kick') } }
    provider.answerRead(recordOfSuccess('outside', data))
    const answer = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(answer.data?.separation).toMatchObject({ status: 'SUCCESS', allStems: { length: 2 } })
  })
})
