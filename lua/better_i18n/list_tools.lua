-- The list of the MCP server's tools, all pages of it: a server may cut it where it likes. Called by client.lua, which
-- gives the function that runs a task.

local core = require "better_i18n.core"

return function(run, client, ...)
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
