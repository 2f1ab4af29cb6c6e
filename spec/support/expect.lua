-- Expectations that many specs share: that a call fails with the SDK's error object, and how often to repeat.
local better_i18n = require "better_i18n"

local expect = {}

--- Whether the tests run under valgrind or a sanitizer, where loops are to be short.
expect.slow = os.getenv "BETTER_I18N_SLOW" == "1"

--- `count`, or a small part of it where everything is slow.
function expect.times(count) return expect.slow and math.ceil(count / 20) or count end

local VERBS = "ask authorize call change check connect correct delete end give go install look make name open raise "
  .. "renew see send start take tell try update use wait write"

--- Whether a clause of the text says what to do next.
function expect.says_what_to_do(text)
  for verb in VERBS:gmatch "%S+" do
    if text:find("[;,:] " .. verb .. " ") or text:find("; [%a ]+, " .. verb .. " ") then return true end
  end
  return false
end

--- Calls fn(...); it must raise the SDK's error with that code (or one of them). Returns the error.
function expect.failure(codes, fn, ...)
  local ok, err = pcall(fn, ...)
  local wanted = type(codes) == "table" and table.concat(codes, " or ") or codes
  if ok then error("nothing was raised; expected " .. wanted, 2) end
  if not better_i18n.is_error(err) then
    error(("expected %s, raised was a %s: %s"):format(wanted, type(err), tostring(err)), 2)
  end
  for _, code in ipairs(type(codes) == "table" and codes or { codes }) do
    if err.code == code then
      if code ~= "invalid_argument" and not expect.says_what_to_do(tostring(err)) then
        error("it does not say what to do next: " .. tostring(err), 2)
      end
      return err
    end
  end
  error(("expected %s, raised was: %s"):format(wanted, tostring(err)), 2)
end

--- The error is an invalid_argument whose message holds the text.
function expect.refused(text, fn, ...)
  local err = expect.failure("invalid_argument", fn, ...)
  if not err.message:find(text, 1, true) then
    error(("the message does not name %q: %s"):format(text, err.message), 2)
  end
  return err
end

--- The whole text holds the part.
function expect.holds(part, text)
  if type(text) ~= "string" or not text:find(part, 1, true) then
    error(("%q is not in: %s"):format(part, tostring(text)), 2)
  end
end

--- A text that stands for everything in a value: keys, values, and what tostring makes of it. For looking for secrets.
function expect.everything(value, seen)
  seen = seen or {}
  if type(value) ~= "table" then return tostring(value) end
  if seen[value] then return "" end
  seen[value] = true
  local parts = { tostring(value) }
  for key, field in pairs(value) do
    parts[#parts + 1] = expect.everything(key, seen) .. "=" .. expect.everything(field, seen)
  end
  return table.concat(parts, "\n")
end

return expect
