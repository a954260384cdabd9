-- Decides on asks in their order, each over several logs, all or nothing.
-- KEYS: the logs of all asks, rule by rule. ARGV: the time or '', 'check' or 'peek', then per ask: 'cost limit window limit window …'.
-- Answers: the time, then per ask: number of the reported rule (negative: denied), count, wait; then pairs of what the counts of active keys must
-- move from and to (0: from nowhere).
-- A log is a text of 5-byte instants, ms since 2020, oldest first: compared as numbers, since Lua compares texts by locale.
local EPOCH, STEP_BACK, KEPT_FOR_TESTS = 1577836800000, 2000, 3600000
local pack, unpack_at, floor, sub = struct.pack, struct.unpack, math.floor, string.sub

local now, kept
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now, kept = time[1] * 1000 + floor(time[2] / 1000) - EPOCH, 0
else
  now, kept = ARGV[1] - EPOCH, KEPT_FOR_TESTS
end
local counts, event_now = ARGV[2] == 'check', pack('>I5', now)

local logs = redis.call('MGET', unpack(KEYS))
local first_of, lives, shapes = {}, {}, {}

-- What an ask is like; most asks of a batch are alike. Active keys are counted by when they end, in steps of ten seconds or an eighth of their window.
local function shape_of(text)
  local shape = { limits = {}, windows = {}, texts = {}, grains = {} }
  for limit, window in string.gmatch(text, ' (%d+) (%d+)') do
    local rule = #shape.limits + 1
    shape.limits[rule], shape.windows[rule], shape.texts[rule] = tonumber(limit), tonumber(window), window
    shape.grains[rule] = math.max(10000, floor(window / 8))
  end
  shape.cost = tonumber(string.match(text, '^%d+'))
  shapes[text] = shape
  return shape
end

-- The clock was set back: the past goes along, so that its spacing is kept.
local function shifted(log, by)
  local moved = {}
  for at = 1, #log, 5 do
    moved[#moved + 1] = pack('>I5', math.max(0, unpack_at('>I5', log, at) - by))
  end
  return table.concat(moved)
end

-- How many of the oldest events are at or before the edge, of which there is at least one.
local function expired(log, size, edge)
  local low, high = 1, size
  while low < high do
    local middle = floor((low + high) / 2)
    if unpack_at('>I5', log, middle * 5 + 1) > edge then high = middle else low = middle + 1 end
  end
  return low
end

local reply, moves, n = { now + EPOCH }, {}, 1
local k = 0
local places, times, gones, lasts = {}, {}, {}, {}
for ask = 3, #ARGV do
  local shape = shapes[ARGV[ask]] or shape_of(ARGV[ask])
  local cost, limits, windows = shape.cost, shape.limits, shape.windows
  local rules = #limits
  local denied, denied_count, longest = 0, 0, 0
  local tightest, least, tightest_count, tightest_wait = 1, math.huge, 0, 0
  for rule = 1, rules do
    local key = KEYS[k + rule]
    local at = first_of[key]
    if not at then
      at = k + rule
      first_of[key] = at
    end
    local log, limit, window, time, size, gone, oldest, last = logs[at], limits[rule], windows[rule], now, 0, 0, nil, nil
    if log then
      size, last = #log / 5, unpack_at('>I5', log, #log - 4)
      if last > now then
        if last > now + STEP_BACK then
          log = shifted(log, last - now)
          logs[at], lives[at], last = log, window + kept, now
        else
          time = last
        end
      end
      oldest = unpack_at('>I5', log, 1)
      if oldest <= time - window then
        gone = expired(log, size, time - window)
        oldest = gone < size and unpack_at('>I5', log, gone * 5 + 1)
      end
    end
    local room = limit - size + gone - cost
    places[rule], times[rule], gones[rule], lasts[rule] = at, time, gone, last
    if room < 0 then
      local wait = unpack_at('>I5', log, (gone - room) * 5 - 4) + window - now
      if wait > longest then denied, denied_count, longest = rule, size - gone, wait end
    elseif room < least then
      tightest, least, tightest_count, tightest_wait = rule, room, limit - room, (oldest or time) + window - now
    end
  end
  if denied > 0 then
    reply[n + 1], reply[n + 2], reply[n + 3] = -denied, denied_count, longest
  else
    reply[n + 1], reply[n + 2], reply[n + 3] = tightest, tightest_count, tightest_wait
    for rule = 1, counts and rules or 0 do
      local at, time, last, gone, grain = places[rule], times[rule], lasts[rule], gones[rule], shape.grains[rule]
      local log, ends = logs[at] or '', time + windows[rule]
      local event = time == now and event_now or pack('>I5', time)
      if cost > 1 then event = string.rep(event, cost) end
      local to, from = ends - ends % grain, last and last + windows[rule]
      if not from or from - from % grain ~= to then
        moves[#moves + 1] = from and from - from % grain + grain + EPOCH or 0
        moves[#moves + 1] = to + grain + EPOCH
      end
      if gone > 0 then log = sub(log, gone * 5 + 1) end
      logs[at] = log .. event
      -- A text that is there already spares Redis the making of one.
      lives[at] = ends == now + windows[rule] and kept == 0 and shape.texts[rule] or ends - now + kept
    end
  end
  k, n = k + rules, n + 3
end

for at, life in pairs(lives) do
  redis.call('SET', KEYS[at], logs[at], 'PX', life)
end
for m = 1, #moves do reply[n + m] = moves[m] end
return reply
