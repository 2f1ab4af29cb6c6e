-- One tool's call for the methods that have names of their own: arguments checked before anything is sent, answers with
-- long field names. Called by keys.lua, publish.lua, tool_projects.lua and tools/split.lua.

local answers = require "better_i18n.tools.answers"
local core = require "better_i18n.core"
local known_too = require "better_i18n.known_too"

local call = {}

--- Raises invalid_argument.
function call.refuse(where, message, ...)
  error(core.error { code = "invalid_argument", message = where .. ": " .. message:format(...) }, 0)
end

--- The same for a complaint of kinds.lua about a part of the arguments.
function call.refuse_part(where, part, complaint)
  local unknown = complaint:match "^unknown option (.*)"
  if unknown then call.refuse(where, "%s: unknown field %s", part, unknown) end
  call.refuse(where, "%s %s", part, complaint)
end

--- Raises for what is no client, or a closed one.
function call.check_client(where, client)
  local ok, problem = pcall(core.tool, client, "listProjects")
  if not ok then error(call.renamed(where, problem), 0) end
end

--- An error of call_tool's, under the name of the method that the program called.
function call.renamed(where, problem)
  if core.is_error(problem) and type(problem.message) == "string" then
    problem.message = problem.message:gsub("^call_tool:", where .. ":"):gsub(":call_tool%(", ":" .. where .. "(")
  end
  return problem
end

--- The arguments as they go on the wire.
-- @param kind (function) from kinds.object
function call.arguments(where, kind, given)
  if type(given) ~= "table" then call.refuse(where, "the arguments must be a table, not %s", type(given)) end
  local ok, wire, path = kind(given)
  if ok then return wire end
  if path then call.refuse_part(where, path:sub(2), wire) end
  if wire:find "^unknown option" then call.refuse(where, "%s", wire) end
  call.refuse(where, "the table of arguments %s", wire)
end

--- Raises when the call could not be made with these arguments and options; sends nothing.
-- @param own (string) an option that the method took out before, for messages; or nil
function call.check(where, client, tool, wire, options, own)
  local ok, problem = pcall(core.tool, client, tool, wire, options)
  if ok then return end
  problem = call.renamed(where, problem)
  if own and core.is_error(problem) then problem.message = known_too(problem.message, { own }) end
  error(problem, 0)
end

--- @return data with long names, response
-- @raise as call_tool; invalid_response (for a tool that writes: outcome_unknown) when the answer is no JSON object
function call.tool(where, client, tool, wire, options)
  local ok, data, response = pcall(core.methods.call_tool, client, tool, wire, options)
  if not ok then error(call.renamed(where, data), 0) end
  local long, problem = answers.expand(tool, data)
  if long then return long, response end
  error(core.error {
    code = answers.writes[tool] and "outcome_unknown" or "invalid_response", status = response.status,
    message = ("%s: the tool %s answered, but %s; %s"):format(where, tool, problem, answers.writes[tool]
      and "look whether it was done before sending it again" or "check mcp_url, or see what call_tool gives"),
  }, 0)
end

--- A list out of an answer, as every list of the client's: data is the array; the response has `total`, `next`, and in
-- `answer` the other fields.
function call.listed(where, tool, answer, response, field)
  local items = answer[field]
  if type(items) ~= "table" then
    error(core.error {
      code = "invalid_response", status = response.status,
      message = ("%s: the tool %s answered without a list of %s; see what call_tool gives"):format(where, tool, field),
    }, 0)
  end
  response.total, response.answer = answer.total, answer
  return items, response
end

return call
