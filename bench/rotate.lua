-- wrk: one Cookie header a line in the file COOKIES, used in turn; prints one line of JSON at the end.
local cookies, n = {}, 0
for line in io.lines(os.getenv("COOKIES") or "/dev/null") do cookies[#cookies + 1] = line end

function request()
  n = n + 1
  local headers = {}
  for name, value in pairs(wrk.headers) do headers[name] = value end
  if #cookies > 0 then headers["Cookie"] = cookies[n % #cookies + 1] end
  return wrk.format("GET", nil, headers)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('JSON {"rps": %.1f, "p50": %.2f, "p95": %.2f, "bytes": %d, "count": %d, "failed": %d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    summary.bytes / math.max(1, summary.requests), summary.requests, errors.status + errors.connect + errors.read + errors.timeout))
end
