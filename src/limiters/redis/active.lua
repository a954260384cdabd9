-- KEYS[1]: how many keys end by when. ARGV: the time, how long to keep the whole, then pairs of an instant and how much to add there.
-- Answers how many end after the time, and drops the counts of what has ended.
local now, total, ended = tonumber(ARGV[1]), 0, {}
for n = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[n], ARGV[n + 1]) end
local counts = redis.call('HGETALL', KEYS[1])
for n = 1, #counts, 2 do
  if tonumber(counts[n]) <= now then ended[#ended + 1] = counts[n] else total = total + counts[n + 1] end
end
-- Not all at once: what is unpacked has to fit on Lua's stack.
for first = 1, #ended, 1000 do redis.call('HDEL', KEYS[1], unpack(ended, first, math.min(first + 999, #ended))) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return total
