-- Reserves places in their order, each under several paces (GCRA), all or nothing; or makes paces wait.
-- KEYS: the states of all asks, rule by rule. ARGV: the time or '', then per ask: the longest wait, number of rules, and interval, burst of each;
-- a negative longest wait is a penalty of so many ms.
-- Answers: the time, then per ask: number of the rule that decided (negative: refused), wait.
-- A state is two 5-byte instants, ms since 2020: the theoretical arrival time, and when it was last touched.
local EPOCH, STEP_BACK, KEPT_FOR_TESTS = 1577836800000, 2000, 3600000

local now, kept
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now, kept = time[1] * 1000 + math.floor(time[2] / 1000) - EPOCH, 0
else
  now, kept = ARGV[1] - EPOCH, KEPT_FOR_TESTS
end

local found = redis.call('MGET', unpack(KEYS))
local arrives, touched, first_of, changed = {}, {}, {}, {}

local function state_of(key, at)
  local known = first_of[key]
  if known then return known end
  first_of[key] = at
  if found[at] then
    arrives[at], touched[at] = struct.unpack('>I5I5', found[at])
  else
    arrives[at], touched[at] = now, now
  end
  local behind = touched[at] - now
  if behind > STEP_BACK then
    arrives[at], touched[at], changed[at] = math.max(0, arrives[at] - behind), now, true
  end
  return at
end

local function touch(at, arrival)
  arrives[at], touched[at], changed[at] = arrival, math.max(touched[at], now), true
end

local reply = { now + EPOCH }
local k, a = 0, 1
while a < #ARGV do
  local longest, rules = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local start, decisive = now, 1
  for rule = 1, rules do
    local at = state_of(KEYS[k + rule], k + rule)
    local tolerance = (ARGV[a + 2 + 2 * rule] - 1) * ARGV[a + 1 + 2 * rule]
    local earliest = math.max(now, touched[at], arrives[at] - tolerance)
    if earliest > start then start, decisive = earliest, rule end
  end
  local wait = start - now
  for rule = 1, rules do
    local at, interval = first_of[KEYS[k + rule]], tonumber(ARGV[a + 1 + 2 * rule])
    if longest < 0 then
      local tolerance = (ARGV[a + 2 + 2 * rule] - 1) * interval
      touch(at, math.max(arrives[at], math.max(touched[at], now) - longest + tolerance))
    elseif wait <= longest then
      touch(at, math.max(arrives[at], start) + interval)
    end
  end
  local refused = longest >= 0 and wait > longest
  reply[#reply + 1] = refused and -decisive or decisive
  reply[#reply + 1] = refused and wait - longest or wait
  k, a = k + rules, a + 2 + 2 * rules
end

for at in pairs(changed) do
  redis.call('SET', KEYS[at], struct.pack('>I5I5', arrives[at], touched[at]), 'PX', math.max(1, arrives[at] - now) + kept)
end
return reply
