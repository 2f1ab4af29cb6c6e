-- The fault matrix (spec/faults/table.lua) in a real Neovim without a screen: under BETTER_I18N_FULL=1 all of it, else
-- a sample.
local cjson = require "cjson"
local expected = require "spec.faults.table"
local headless = require "spec.support.headless"
local server = require "spec.faults.server"
local shell = require "spec.support.shell"

if not headless.is_here() then return end

local SHARE = 3 -- the sample: of so many worlds this is one

local MAIN = [[
  local better_i18n = require "better_i18n"
  local cell = require "spec.faults.cell"
  local work = vim.fn.json_decode(vim.fn.readfile(%q))
  local out = assert(io.open(%q, "w"))
  local function together(functions) better_i18n.all(functions, { concurrency = math.max(1, #functions) }) end
  local function descriptors()
    for _ = 1, 3 do collectgarbage() end
    return #vim.fn.readdir "/proc/self/fd"
  end
  local function run(part) return cell.run_all(work.target, part.fault, part.names, part.step, together) end
  local before
  better_i18n.async(function()
    run { fault = "none", names = { me = "always" }, step = 1 }
    vim.schedule(function() before = descriptors() end)
    for _, part in ipairs(work.parts) do
      local ok, result = pcall(run, part)
      for _, text in ipairs(ok and result.problems or { tostring(result) }) do
        out:write(part.fault, ": ", text, "\n")
      end
      out:write(ok and result.cells or 0, " cells\n")
    end
  end, function(problem)
    if problem then out:write(tostring(problem), "\n") end
    vim.defer_fn(function()
      out:write(descriptors() - before, " descriptors more\n")
      out:close()
      vim.cmd "qall!"
    end, 100)
  end)
]]

local target

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  target = server.start()
  target.world = "nvim"
end)
teardown(server.stop)

local function write(text) return shell.write(os.tmpname(), text) end

local function read(path)
  local text = shell.read(path)
  os.remove(path)
  return text
end

-- What is said, written, and the status.
local function run(parts)
  local work, said, wrote = write(cjson.encode { target = target, parts = parts }), os.tmpname(), os.tmpname()
  local main = write(MAIN:format(work, said))
  local pipe = io.popen(([[env LUA_CPATH="$PWD/build/luajit/?.so;;" HOME=/tmp timeout -k 2 3000 \
    nvim --headless -u NONE -i NONE -n -c 'luafile %s' </dev/null >%s 2>&1; echo $?]]):format(main, wrote))
  local status = pipe:read "*n"
  pipe:close()
  os.remove(work)
  os.remove(main)
  return read(said), read(wrote), status
end

it("every call in Neovim meets every fault", function()
  local parts = {}
  for index, fault in ipairs(expected.names) do
    local names, step = server.choose(fault, 2, SHARE)
    parts[index] = { fault = fault, names = names, step = step }
  end
  local said, wrote, status = run(parts)
  local cells = 0
  for line in said:gmatch "[^\n]+" do
    local count, more = line:match "^(%d+) cells$", tonumber(line:match "^(%-?%d+) descriptors more$")
    cells = cells + (count or 0)
    assert.is_true(count ~= nil or (more ~= nil and more <= 1), line)
  end
  assert.same({ "", 0 }, { wrote, status })
  assert.is_true(cells > (server.full and 20000 or 300), cells .. " cells")
  assert.same({}, server.complaints())
end)
