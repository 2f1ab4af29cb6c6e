-- The event loops by name, each loaded when it is asked for (better_i18n.loop.blocking).

---@type better_i18n.loops
local loops = setmetatable({}, {
  __index = function(self, name)
    if type(name) ~= "string" then return nil end
    local module = "better_i18n.loop." .. name
    local found, loop = pcall(require, module)
    if not found then
      if tostring(loop):find("module '" .. module .. "' not found", 1, true) then return nil end
      error(loop, 0)
    end
    rawset(self, name, loop)
    return loop
  end,
})

return loops
