-- refuse(why): ends a tool's work. why: a message (a tool error), or a reply (HTTP refuses the request).
-- service/tools/*.lua call it; service/mcp/rpc.lua catches what it raises.
return function(why)
  error(type(why) == "table" and { reply = why } or { message = why }, 0)
end
