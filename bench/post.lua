-- wrk: sends each line of the file FORMS once: path, Cookie header and body, parted by tabs. One line of JSON at the end.
local forms, sent, answered = {}, 0, 0
for line in io.lines(os.getenv("FORMS")) do forms[#forms + 1] = line end

function request()
  sent = sent + 1
  local path, cookie, body = string.match(forms[math.min(sent, #forms)], "^(.-)\t(.-)\t(.*)$")
  local headers = {Host = wrk.headers["Host"], Cookie = cookie, ["Content-Type"] = "application/x-www-form-urlencoded"}
  return wrk.format("POST", path, headers, body)
end

function setup(thread) worker = thread end

function init() done_with, bad = 0, 0 end

function response(status)
  done_with = done_with + 1
  if status ~= 303 then bad = bad + 1 end
  if done_with >= #forms then wrk.thread:stop() end
end

function done(summary, latency)
  io.write(string.format('JSON {"rps": %.1f, "p50": %.2f, "p95": %.2f, "p99": %.2f, "count": %d, "refused": %d, "failed": %d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, summary.requests, worker:get("bad"),
    summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
