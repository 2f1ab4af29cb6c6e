-- Logs outside the request: nginx adds a request's first line to what is logged in it, and the callback's has the code.
return function(level, ...)
  local text = table.concat({ ... })
  ngx.timer.at(0, function() ngx.log(level, text) end)
end
