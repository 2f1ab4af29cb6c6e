-- The stores by name, each loaded when it is asked for (better_i18n.store.file). A store keeps the tokens of many
-- clients for several processes; what one is made of is in contract.lua.

---@type better_i18n.stores
local stores = setmetatable({}, {
  __index = function(self, name)
    if type(name) ~= "string" then return nil end
    local module = "better_i18n.store." .. name
    local found, store = pcall(require, module)
    if not found then
      if tostring(store):find("module '" .. module .. "' not found", 1, true) then return nil end
      error(store, 0)
    end
    rawset(self, name, store)
    return store
  end,
})

return stores
