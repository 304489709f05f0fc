-- wrk: sends each line of the file FORMS once: path, Cookie header and body, parted by tabs; says ALL when all of them are
-- answered, and prints one line of JSON when it is stopped. Connections that have nothing left to send ask for /healthz.
local forms, sent, worker = {}, -1, nil  -- wrk asks for one request that it does not send
for line in io.lines(os.getenv("FORMS")) do forms[#forms + 1] = line end

function setup(thread) worker = thread end

function init() answered, refused = 0, 0 end

function request()
  sent = sent + 1
  if sent > #forms then return wrk.format("GET", "/healthz") end
  local path, cookie, body = string.match(forms[math.max(1, sent)], "^(.-)\t(.-)\t(.*)$")
  local headers = {Host = wrk.headers["Host"], Cookie = cookie, ["Content-Type"] = "application/x-www-form-urlencoded"}
  return wrk.format("POST", path, headers, body)
end

function response(status)
  if status == 200 then return end
  answered = answered + 1
  if status ~= 303 then refused = refused + 1 end
  if answered == #forms then io.stdout:write("ALL\n") io.stdout:flush() end
end

function done(summary, latency)
  io.write(string.format('JSON {"p50": %.2f, "p95": %.2f, "p99": %.2f, "count": %d, "refused": %d, "failed": %d}\n',
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    worker:get("answered"), worker:get("refused"),
    summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
