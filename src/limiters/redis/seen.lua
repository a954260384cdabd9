-- KEYS: marks. ARGV: the time or '', then the window of each. Answers per mark: 1 when it came before, else 0 and it is kept, and after all of them
-- the time. A mark is a 5-byte instant, ms since 2020; one of the future, after a clock was set back, counts from now.
local EPOCH, KEPT_FOR_TESTS = 1577836800000, 3600000

local now, kept
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now, kept = time[1] * 1000 + math.floor(time[2] / 1000) - EPOCH, 0
else
  now, kept = ARGV[1] - EPOCH, KEPT_FOR_TESTS
end

local reply = {}
for n, key in ipairs(KEYS) do
  local window, found = tonumber(ARGV[n + 1]), redis.call('GET', key)
  local since = found and struct.unpack('>I5', found)
  if found and since <= now and since > now - window then
    reply[n] = 1
  else
    redis.call('SET', key, struct.pack('>I5', now), 'PX', window + kept)
    reply[n] = (found and since > now) and 1 or 0
  end
end
reply[#KEYS + 1] = now + EPOCH
return reply
