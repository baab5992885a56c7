import { sql, type Kysely } from 'kysely'

/**
 * What gateways on PostgreSQL share of the providers' rates. The tables are not logged: writing to them does not wait for the
 * disk, and after a crash they are empty. Then a provider may get more orders than its rate allows, and refuses them.
 */
export async function addRateTables(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/** Times are milliseconds since 1970 by the clock of the database, with fractions. */
const statements: readonly string[] = [
  `create unlogged table order_slots (
    name text primary key, provider text not null, caller text not null, taken_at double precision not null)`,
  `create index order_slots_of_provider on order_slots (provider, taken_at)`,
  `create unlogged table slot_waiters (
    provider text not null, caller text not null, waits_until double precision not null, primary key (provider, caller))`,
  `create unlogged table order_turns (provider text primary key)`,
  `create unlogged table read_slots (provider text primary key, free_at double precision not null)`,

  // How long until a slot is free after the waiting orders have theirs. null as a caller: the slots of all callers.
  `create function order_slot_free_in(
    in_provider text, in_caller text, waiting integer, max_slots integer, window_ms double precision, now_ms double precision)
  returns double precision language plpgsql set search_path from current as $$
  declare
    held integer;
    place integer;
    leaves_at double precision;
  begin
    select count(*) into held from order_slots
      where provider = in_provider and (in_caller is null or caller = in_caller);
    place := held + waiting - max_slots;
    if place < 0 then return 0; end if;
    select taken_at + window_ms into leaves_at from order_slots
      where provider = in_provider and (in_caller is null or caller = in_caller)
      order by taken_at offset (case when place < held then place else (place - held) % max_slots end) limit 1;
    leaves_at := case when leaves_at is null then 0 else greatest(1, ceil(leaves_at - now_ms)) end;
    -- It may need a slot that a waiting order uses first.
    return leaves_at + case when place < held then 0 else window_ms * (1 + (place - held) / max_slots) end;
  end $$`,

  // The same rules as those of a single gateway: see createFairRate. It is one statement, so that a gateway that is suspended
  // keeps nobody waiting for the lock. The lock is a row that is written: where the default isolation is repeatable read, the
  // statement would count what it saw before it waited, and fails instead and is repeated.
  `create function take_order_slot(
    in_provider text, in_caller text, in_name text, may_take boolean, max_slots integer, max_own integer,
    waiting_all integer, waiting_own integer, window_ms double precision,
    out is_taken boolean, out free_in_ms double precision, out is_full boolean, out is_share_used boolean)
  language plpgsql set search_path from current as $$
  declare
    longest_wait_ms constant double precision := 60000 + window_ms;
    now_ms double precision;
    all_ms double precision;
    own_ms double precision;
  begin
    insert into order_turns (provider) values (in_provider)
      on conflict (provider) do update set provider = excluded.provider;
    now_ms := extract(epoch from clock_timestamp()) * 1000;
    -- Later times are left from before the clock was set back.
    delete from order_slots
      where provider = in_provider and (taken_at <= now_ms - window_ms or taken_at > now_ms + window_ms);
    delete from slot_waiters
      where provider = in_provider and (waits_until <= now_ms or waits_until > now_ms + longest_wait_ms);
    is_full := false;
    is_share_used := false;
    free_in_ms := 0;
    is_taken := exists (select from order_slots where name = in_name);
    if is_taken then return; end if;
    all_ms := order_slot_free_in(in_provider, null, waiting_all, max_slots, window_ms, now_ms);
    own_ms := least(
      coalesce((select max(waits_until) - now_ms from slot_waiters
        where provider = in_provider and caller <> in_caller), 0),
      order_slot_free_in(in_provider, in_caller, waiting_own, max_own, window_ms, now_ms));
    if may_take and all_ms <= 0 and own_ms <= 0 then
      insert into order_slots (name, provider, caller, taken_at) values (in_name, in_provider, in_caller, now_ms);
      is_taken := true;
      return;
    end if;
    is_full := all_ms > 0;
    is_share_used := own_ms > 0;
    free_in_ms := greatest(all_ms, own_ms);
    insert into slot_waiters (provider, caller, waits_until)
      values (in_provider, in_caller, now_ms + least(free_in_ms + window_ms, longest_wait_ms))
      on conflict (provider, caller) do update set waits_until = excluded.waits_until;
  end $$`,
]
