-- The fault matrix: what comes of each fault, for each kind of call. A row is a fault, named as in kinds.lua; columns:
--   read        GET over REST; delete: DELETE          list        REST lists, page by page too; raw: bytes
--   write       POST, PUT, PATCH, oauth.register       cdn         manifest and messages
--   tool        MCP tools that read, list_tools        tool_write  MCP tools that write
--   mint        an installation token                  refresh     an access token
--   revoke      the grant's end                        exchange    the code of an authorization
-- A column that a row leaves out is another one: delete, list, raw, cdn, tool, mint, revoke are read; exchange and
-- tool_write are write; tool_list (list_tools), tool_wait (wait_sync) are tool; refresh has none.
-- Entries: again(code, n): a retryable error; final(code, n): one that is not; works(n). n: the requests that the
-- server has seen when the call ends, with 2 retries (the default) and the fault on all. The same is run with a fault
-- on the first request only: then what was asked again works with 2 requests, and nothing else changes.
local function again(code, requests) return { { code = code, retryable = true, requests = requests } } end
local function final(code, requests) return { { code = code, retryable = false, requests = requests } } end
local function works(requests) return { { code = "works", requests = requests } } end

local function either(...)
  local all = {}
  for _, list in ipairs { ... } do
    for _, outcome in ipairs(list) do all[#all + 1] = outcome end
  end
  return all
end

local stands_for = {
  list = "read", delete = "read", raw = "read", cdn = "read", tool = "read", mint = "read", revoke = "read",
  exchange = "write", tool_write = "write", tool_list = "tool", tool_wait = "tool",
}

-- Outcomes that many rows share -------------------------------------------------------------------------------------

local fine = { read = works(1), write = works(1), refresh = works(1) }

-- Nothing of the answer came: reads are repeated; a write may have been done; a refresh is replayed once, at once.
local lost = {
  read = again("network", 3), write = final("outcome_unknown", 1), refresh = again("refresh_outcome_unknown", 2),
}

-- A part of it came.
local cut = {
  read = final("invalid_response", 3), write = final("outcome_unknown", 1),
  refresh = again("refresh_outcome_unknown", 2),
}

local lost_or_cut = {
  read = either(lost.read, cut.read), write = lost.write, refresh = lost.refresh,
}

-- The call's time is over. A refresh has its own, and is awaited where nothing runs in the background.
local late = {
  read = again("timeout", 1), write = final("outcome_unknown", 1),
  refresh = either(again("timeout", 1), again("refresh_outcome_unknown", 1)),
}

-- Not HTTP as it should be: the same again would be no better.
local broken = {
  read = final("invalid_response", 1), write = final("outcome_unknown", 1),
  refresh = again("refresh_outcome_unknown", 1),
}

local function everywhere(outcome) return { read = outcome, write = outcome, refresh = outcome } end

-- The whole answer came and is no JSON: a repetition would bring it again, and do a write twice. What a tool did not
-- answer was lost on the way. Bytes, and the answer to a revocation, are not looked into.
local no_json = {
  read = final("invalid_response", 1), write = final("outcome_unknown", 1), refresh = final("invalid_response", 1),
  exchange = final("invalid_response", 1), delete = final("outcome_unknown", 1),
  tool = final("invalid_response", 3), tool_write = final("outcome_unknown", 1), raw = works(1), revoke = works(1),
}

local no_document = { tool = final("invalid_response", 1), tool_write = final("outcome_unknown", 1) }

local function is_tool(endpoint) return endpoint.class:find "^tool" ~= nil end

-- The methods that read a tool's document; call_tool gives a text that is no JSON as it came.
local function reads_text(endpoint) return is_tool(endpoint) and not endpoint.name:find "^call_tool" and
  endpoint.class ~= "tool_list" end

-- The rows ----------------------------------------------------------------------------------------------------------
-- head, body, behind: outcomes for a fault at a byte of the head, of the body, and behind the last one; every byte is
-- tried. like: what holds where no column says otherwise. n: the fault's number. timeout: seconds for the call; slow:
-- it takes them. modes: only these. only: a function(endpoint). bad_host: where the requests go instead; proxied:
-- through a proxy. empty, spoils: what comes is not the good answer, though the call works.

local rows = {
  none = fine,

  -- The connection
  fin = { head = lost, body = cut, behind = fine },
  rst = { head = lost, body = lost_or_cut, behind = {
    read = either(works(1), lost_or_cut.read), write = either(works(1), lost.write),
    refresh = either(works(1), lost.refresh),
  } },
  drip_within = { read = works(1), write = works(1), refresh = works(1), n = 1, slow = true, modes = { "always" } },
  drip_beyond = { like = late, n = 8, timeout = 0.4, slow = true, modes = { "always" } },
  stall = { like = late, timeout = 0.3, slow = true, modes = { "always" } },

  -- Lengths
  cut_length = { like = cut },
  cut_chunked = { like = cut },
  cut_in_chunk = { like = cut },
  bad_chunk = { like = broken },
  length_longer = { like = late, timeout = 0.3, slow = true, modes = { "always" } },
  length_shorter = { like = no_json, spoils = true },
  bytes_behind = { like = fine },

  -- Compression
  gzip = { like = fine },
  -- libcurl takes the end of the answer for that of the gzip file: half a document is found out by reading it, and raw
  -- bytes are asked for uncompressed. Without its last bytes, a sum, the document is whole.
  gzip_cut = { like = no_json },
  gzip_cut_in_trailer = { like = fine },
  gzip_corrupt = { like = broken, raw = works(1) },
  gzip_bad_sum = { like = broken, raw = works(1) },

  -- Heads
  interim_100 = { like = fine },
  interim_103 = { like = fine },
  interim_only = { like = lost },
  header_300k = { like = everywhere(final("too_large", 1)) },
  headers_1000 = { like = fine },
  headers_1000_large = { like = everywhere(final("too_large", 1)) },
  redirect_302 = { like = everywhere(final("redirect", 1)) },
  redirect_307 = { like = everywhere(final("redirect", 1)) },
  redirect_308 = { like = everywhere(final("redirect", 1)) },

  -- Bodies
  html_502 = { read = again("server_error", 3), write = final("outcome_unknown", 1),
    refresh = again("server_error", 2) },
  empty_200 = {
    like = no_json, empty = true, spoils = true,
    -- Nothing to say is an answer where no list or token is due.
    read = works(1), write = works(1), delete = works(1), list = final("invalid_response", 1),
    cdn = final("invalid_response", 1),
    mint = final("invalid_response", 1), exchange = final("invalid_response", 1),
  },
  bad_json = { like = no_json, spoils = true },
  deep = { like = no_json },
  duplicate_keys = { like = fine },
  nul_raw = { like = no_json },
  nul_escaped = { like = fine },
  invalid_utf8 = { like = fine },
  bad_json_in_text = { like = no_document, only = reads_text },
  deep_in_text = { like = no_document, only = reads_text },
  nul_in_text = { only = is_tool, like = fine },

  -- The way there. The server that is not reached has seen nothing.
  tls_expired = { like = everywhere(final("tls", 0)), bad_host = "TLS_EXPIRED_URL" },
  tls_wrong_host = { like = everywhere(final("tls", 0)), bad_host = "TLS_WRONG_HOST_URL" },
  tls_self_signed = { like = everywhere(final("tls", 0)), bad_host = "TLS_SELF_SIGNED_URL" },
  dns = { like = everywhere(either(again("network", 0), again("timeout", 0))), -- the system's resolver may be slow
     bad_host = "DNS_URL" },
  refused = { like = everywhere(again("network", 0)), bad_host = "REFUSED_URL" },
  proxy_407 = { like = everywhere(final("proxy", 1)), proxied = true },
  proxy_407_tunnel = { like = everywhere(final("proxy", 0)), proxied = true, bad_host = "TLS_URL" },
}

-- Columns of other rows that a row takes over.
for _, row in pairs(rows) do
  for class, outcome in pairs(row.like or {}) do row[class] = row[class] or outcome end
  if row.bad_host then row.modes = { "always" } end
end

local expected = { rows = rows, names = {} }

for name in pairs(rows) do expected.names[#expected.names + 1] = name end
table.sort(expected.names)

--- The outcomes that are right for a class of endpoints.
-- @param place (table) a row, or its head, body or behind
function expected.outcomes(place, class)
  while class do
    if place[class] then return place[class] end
    class = stands_for[class]
  end
  error "the table has no such column"
end

return expected
