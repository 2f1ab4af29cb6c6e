-- What a new connection to Redis begins with. Called by redis_nginx.lua and redis_script.lua.

--- Says who we are and chooses the database.
-- @param command (function) client, name, …: true, reply; or false, how, why
-- @param client of either library
-- @param options (table) of the store: username, password, db
-- @return as command
return function(command, client, options)
  if options.password then
    local done, how, why
    if options.username then
      done, how, why = command(client, "auth", options.username, options.password)
    else
      done, how, why = command(client, "auth", options.password)
    end
    if not done then return done, how, why end
  end
  if options.db then return command(client, "select", options.db) end
  return true
end
