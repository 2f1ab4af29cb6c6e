-- The MCP server's tools by their own names; answers as they came. Called by client.lua, which gives the table of
-- methods and the function that runs a task.

local core = require "better_i18n.core"

-- All pages of the list: a server may cut it where it likes.
local function fetch_tools(client, run, ...)
  local tools, seen, cursor = core.array {}, {}, nil
  while true do
    local page, response = run(client, core.tools(client, cursor, ...))
    for _, tool in ipairs(page.tools) do tools[#tools + 1] = tool end
    cursor = page.nextCursor
    if type(cursor) ~= "string" or cursor == "" then return tools, response end
    if seen[cursor] then
      error(core.error {
        code = "pagination_loop", message = "list_tools: the server gave the same cursor twice; tell its operator",
      }, 0)
    end
    seen[cursor] = true
  end
end

return function(methods, run)
  --- Calls a tool of the MCP server.
  -- @param name (string) the tool's own name, e.g. "listKeys" (README.md has them all); one that this client does not
  --   know is taken for a write: never sent twice
  -- @param arguments (table) by the service's names; nil or {} for none. Text is UTF-8 without NUL
  -- @param options (table) `timeout` in seconds (a tool that waits on the server, as getSync with waitMs, needs more
  --   than it waits), `max_retries, headers, signal`
  -- @return data: the JSON document in the tool's first text, or that text where it is no JSON; and response, with
  --   `notices` (the texts behind the first) and `body` (the JSON-RPC result as it came)
  -- @raise as every call, and missing_scope, rate_limited, not_found, invalid_request or tool_error where the tool
  --   itself refuses; too_large with status 413 where the request is too large for the server
  function methods.call_tool(client, ...) return run(client, core.tool(client, ...)) end

  --- The tools that the MCP server has.
  -- @param options (table) `timeout, max_retries, headers, signal`, for each page
  -- @return an array of tools as the server describes them (`name, description, inputSchema, …`); the response of the
  --   last page
  -- @raise as every call
  function methods.list_tools(client, ...) return fetch_tools(client, run, ...) end
end
