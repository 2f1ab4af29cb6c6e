-- The store in a file: its mode, links, corruption, a disk that fails (spec/tools/bad_disk.c), processes that are
-- killed.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local shell = require "spec.support.shell"
local socket = require "socket"

local FULL = os.getenv "BETTER_I18N_FULL" == "1"
local SECRET = "rt_canary_secret_of_store_file_spec"
local file = better_i18n.store.file
local dir, path

setup(function() assert(shell.run "make -s build/bad_disk.so", "the disk that fails does not build") end)

before_each(function()
  dir = shell.line "mktemp -d"
  path = dir .. "/tokens.json"
end)

after_each(function() shell.run("chmod -R u+rwx " .. dir .. "; rm -rf " .. dir) end)

local read = shell.read

local function write(name, text) shell.run("chmod 600 " .. shell.write(name, text)) end

local function mode(name) return shell.line("stat -c %a " .. name) end
local function entries() return shell.line("ls -A " .. dir .. " | sort | tr '\\n' ' '") end

local function fails(text, fn, ...)
  local err = expect.failure("store", fn, ...)
  expect.holds(text, err.message)
  assert.is_nil(expect.everything(err):find(SECRET, 1, true))
  return err
end

describe("the file", function()
  it("is 0600 whatever the umask, and so is its lock file", function()
    local code = ([[
      local one = require("better_i18n").store.file %q
      one.lock("key", 1)()
      assert(one.save("key", { n = 1 }, nil))]]):format(path)
    for _, umask in ipairs { "0", "077", "0177" } do
      write(dir .. "/code.lua", code)
      local lua = os.getenv "BETTER_I18N_LUA" or "lua5.4"
      assert.is_true(shell.run(("umask %s; %s %s/code.lua"):format(umask, lua, dir)))
      assert.same({ "600", "600" }, { mode(path), mode(path .. ".lock") })
      assert.equal("code.lua tokens.json tokens.json.lock ", entries())
      shell.run("rm " .. dir .. "/*")
    end
  end)

  it("that others may use is refused, as ssh does", function()
    local one = file(path)
    local version = one.save("key", { refresh_token = SECRET }, nil)
    for _, wide in ipairs { "640", "604", "620", "666", "610" } do
      shell.run(("chmod %s %s"):format(wide, path))
      fails("chmod 600 " .. path, one.load, "key")
      fails("mode 0" .. wide, one.save, "key", { n = 2 }, version)
      assert.equal(wide, mode(path))
    end
    shell.run("chmod 400 " .. path)
    assert.equal(SECRET, one.load("key").refresh_token)
    assert.truthy(one.save("key", { n = 2 }, version))
    assert.equal("600", mode(path))
  end)

  it("needs its folder", function()
    local one = file(dir .. "/no/such/folder/tokens.json")
    fails("find the folder", one.load, "key")
    fails("No such file", one.save, "key", { refresh_token = SECRET }, nil)
    fails("No such file", one.lock, "key", 1)
  end)

  it("may not be a folder or a pipe", function()
    shell.run("mkdir " .. path)
    fails("regular file", file(path).load, "key")
    shell.run(("rmdir %s && mkfifo -m 600 %s"):format(path, path))
    fails("regular file", file(path).load, "key")
    fails("regular file", file(path).save, "key", {}, nil)
  end)

  it("may be named from the working folder", function()
    write(dir .. "/code.lua", [[
      local one = require("better_i18n").store.file "tokens.json"
      assert(one.save("key", { n = 1 }, nil))]])
    assert.is_true(shell.run(("cd %s && %s code.lua"):format(dir, os.getenv "BETTER_I18N_LUA" or "lua5.4")))
    assert.equal(1, file(path).load("key").n)
  end)

  it("is reached through links, which stay", function()
    shell.run(("mkdir %s/real && ln -s real/tokens.json %s/one && ln -s %s/one %s"):format(dir, dir, dir, path))
    local one, direct = file(path), file(dir .. "/real/tokens.json")
    assert.is_nil((one.load "key"))
    local version = one.save("key", { n = 1 }, nil) -- the link led nowhere yet
    assert.equal(1, direct.load("key").n)
    assert.truthy(direct.save("key", { n = 2 }, version))
    assert.equal(2, one.load("key").n)
    local unlock = one.lock("key", 5)
    assert.is_nil(direct.lock("key", 5))
    unlock()
    assert.equal("one real tokens.json ", entries())
    assert.equal("real/tokens.json", shell.line("readlink " .. dir .. "/one"))
    shell.run(("ln -sfn %s/b %s/a && ln -sfn %s/a %s/b"):format(dir, dir, dir, dir))
    fails("follow", file(dir .. "/a").load, "key")
  end)

  it("keeps every key, and what older versions knew survives a restart", function()
    local one, versions = file(path), {}
    for n = 1, 50 do versions[n] = one.save("key " .. n, { n = n }, nil) end
    local two = file(path)
    for n = 1, 50 do
      local record, version = two.load("key " .. n)
      assert.same({ n, versions[n] }, { record.n, version })
    end
  end)

  it("of a newer version is left alone", function()
    local text = '{"format":2,"records":[]}'
    write(path, text)
    fails("newer version", file(path).load, "key")
    fails("newer version", file(path).save, "key", {}, nil)
    assert.equal(text, read(path))
  end)
end)

describe("a corrupt file", function()
  local GARBAGE = {
    "", "{", "null", "7", "[]", "{}", "\0\0\0\0", SECRET, '{"format":1}', '{"format":1,"records":[]}',
    '{"format":"1","records":{}}', '{"format":1,"records":{"key":7}}', '{"format":1,"records":{"key":{"version":"1"}}}',
    '{"format":1,"records":{"key":{"version":"1","record":[]}}}',
    '{"format":1,"records":{"key":{"version":1,"record":{}}}}',
    '{"format":1,"records":{"key":{"version":"1","record":{"refresh_token":{"x":"' .. SECRET .. '"}}}}}',
  }

  it("is set aside and reported once, by whoever meets it", function()
    for _, call in ipairs { "load", "save" } do
      for index, text in ipairs(GARBAGE) do
        write(path, text)
        local one = file(path)
        local err
        if call == "load" then
          err = fails(path .. " was corrupt", one.load, "key")
        else
          err = fails(path .. " was corrupt", one.save, "key", { refresh_token = SECRET }, nil)
        end
        local aside = path .. ".corrupt-" .. index
        expect.holds(aside, err.message)
        assert.same({ text, "600" }, { read(aside), mode(aside) })
        assert.is_nil((one.load "key"))
        assert.truthy(one.save("key", { n = 1 }, nil))
        assert.equal(1, one.load("key").n)
        assert.is_true(os.remove(path))
      end
      shell.run(("rm %s.corrupt-*"):format(path))
    end
  end)

  it("never overwrites an earlier one", function()
    for n = 1, 3 do write(path .. ".corrupt-" .. n, "earlier " .. n) end
    write(path, "later")
    expect.holds(".corrupt-4", fails("corrupt", file(path).load, "key").message)
    for n = 1, 3 do assert.equal("earlier " .. n, read(path .. ".corrupt-" .. n)) end
    assert.equal("later", read(path .. ".corrupt-4"))
  end)

  it("is any part of a whole one", function()
    file(path).save("key", { refresh_token = SECRET }, nil)
    local whole = read(path)
    for length = 0, #whole - 1, 7 do
      write(path, whole:sub(1, length))
      fails("corrupt", file(path).load, "key")
    end
    write(path, whole)
    assert.equal(SECRET, file(path).load("key").refresh_token)
  end)

  it("of leases is none", function()
    local one = file(path)
    for _, text in ipairs { "garbage", '{"key":7}', '{"key":{"ends":1e300,"seconds":1,"mark":1}}', "[]", '{"key":' } do
      write(path .. ".lock", text)
      local unlock = one.lock("key", 5)
      assert.truthy(unlock)
      assert.is_nil(one.lock("key", 5))
      unlock()
    end
  end)
end)

-- A disk that fails ---------------------------------------------------------------------------------------------------

local ON_BAD_DISK = [[
local better_i18n = require "better_i18n"
local one = better_i18n.store.file %q
local ok, result = pcall(function() %s end)
if ok then print("ok", result)
elseif better_i18n.is_error(result) and result.code == "store" then print("store", result.message)
else print("raised", result) end]]

local SAVE = [[
  local _, version = one.load "key"
  return one.save("key", { n = 2, refresh_token = "]] .. SECRET .. [[", text = ("x"):rep(20000) }, version)]]

-- What becomes of the code on a disk with these faults on paths that end so.
local function on_bad_disk(faults, where, code)
  local asan = os.getenv "ASAN_OPTIONS"
  local out, err = process.run(ON_BAD_DISK:format(path, code), {
    LD_PRELOAD = shell.line "pwd" .. "/build/bad_disk.so", BAD_DISK = faults, BAD_DISK_PATH = where,
    ASAN_OPTIONS = (asan and asan .. ":" or "") .. "verify_asan_link_order=0:detect_leaks=0",
  })
  assert.equal("", err)
  assert.is_nil(out:find(SECRET, 1, true))
  return out:match "^(%w+)\t(.-)\n$"
end

describe("a disk that fails", function()
  before_each(function() assert(file(path).save("key", { n = 1 }, nil)) end)

  local function kept(n)
    assert.equal(n, file(path).load("key").n)
    assert.equal("tokens.json tokens.json.lock ", entries())
  end

  for _, fault in ipairs {
    { "open:1:ENOSPC", "create the successor", "No space left" }, { "open:1:EACCES", "create the successor", "denied" },
    { "write:1:ENOSPC", "write", "No space left" }, { "write:1:EIO", "write", "Input/output" },
    { "write:1:SHORT,write:2:ENOSPC", "write", "No space left" }, { "fsync:1:EIO", "sync", "Input/output" },
    { "fsync:1:ENOSPC", "sync", "No space left" }, { "close:1:EIO", "close", "Input/output" },
    { "rename:1:EIO", "rename the successor", "Input/output" }, { "rename:1:ENOSPC", "rename", "No space left" },
  } do
    it("at " .. fault[1] .. " leaves the old content, and says so", function()
      local how, message = on_bad_disk(fault[1], ".tmp", SAVE)
      assert.equal("store", how)
      for _, part in ipairs { fault[2], fault[3], path } do expect.holds(part, message) end
      kept(1)
      assert.equal("ok", (on_bad_disk("", ".tmp", SAVE)))
      kept(2)
    end)
  end

  it("that is only interrupted or slow is written on", function()
    local faults = "write:1:EINTR,write:2:SHORT,write:3:SHORT,fsync:1:EINTR,close:1:EINTR"
    assert.equal("ok", (on_bad_disk(faults, ".tmp", SAVE)))
    kept(2)
  end)

  it("at the folder's sync is reported, though the new content is there", function()
    local how, message = on_bad_disk("fsync:1:EIO", dir, SAVE)
    assert.equal("store", how)
    expect.holds("sync the folder", message)
    kept(2)
  end)

  it("at reading is an error, and the file stays", function()
    for _, fault in ipairs { "read:1:EIO", "open:1:EACCES", "open:1:EIO" } do
      local how, message = on_bad_disk(fault, "tokens.json", "return one.load 'key'")
      assert.equal("store", how)
      expect.holds(path, message)
      kept(1)
    end
    assert.equal("ok", (on_bad_disk("read:1:EINTR", "tokens.json", "return one.load('key').n")))
  end)

  it("at setting a corrupt file aside leaves that", function()
    write(path, "garbage")
    local how, message = on_bad_disk("rename:1:EIO", "tokens.json", "return one.load 'key'")
    assert.equal("store", how)
    expect.holds("set aside", message)
    assert.equal("garbage", read(path))
    assert.equal("tokens.json tokens.json.lock ", entries())
  end)

  it("under the lock file is an error too", function()
    local how, message = on_bad_disk("open:1:EACCES", ".lock", SAVE)
    assert.equal("store", how)
    expect.holds(path .. ".lock", message)
    kept(1)
  end)
end)

-- Processes that are killed -------------------------------------------------------------------------------------------

describe("a process that is killed", function()
  local SAVING = [[
    local one = require("better_i18n").store.file %q
    local record, version = one.load "key"
    local n = record and record.n or 0
    while true do
      n = n + 1
      version = assert(one.save("key", { n = n, text = tostring(n):rep(3000) }, version))
    end]]

  it("in the middle of saves leaves a whole record, and stops nobody", function()
    math.randomseed(7)
    local before = 0
    for _ = 1, expect.times(FULL and 40 or 12) do
      local child = process.start(SAVING:format(path))
      local limit = socket.gettime() + 20
      repeat
        socket.sleep(0.001)
        local record = file(path).load "key" -- and is read meanwhile
      until record and record.n > before or socket.gettime() > limit
      socket.sleep(math.random() * 0.01)
      child.signal "KILL"
      local _, err = child.wait()
      assert.is_nil(err:find "lua")
      local one = file(path)
      local record, version = one.load "key"
      assert.equal(tostring(record.n):rep(3000), record.text)
      assert.is_true(record.n > before)
      before = record.n + 1
      assert.truthy(one.save("key", { n = before, text = tostring(before):rep(3000) }, version))
      assert.equal("tokens.json tokens.json.lock ", entries())
    end
  end)

  it("gives its lock to the next at once", function()
    local child = process.start(([[
      local unlock = assert(require("better_i18n").store.file(%q).lock("key", 600))
      io.open(%q, "w"):close()
      while true do end]]):format(path, dir .. "/locked"))
    local one = file(path)
    repeat socket.sleep(0.005) until io.open(dir .. "/locked")
    assert.is_nil(one.lock("key", 5))
    one.lock("another key", 5)()
    assert.truthy(one.save("key", { n = 1 }, nil)) -- a lease stops no save
    child.signal "KILL"
    child.wait()
    assert.truthy(one.lock("key", 5))
  end)

  it("or stopped, loses its lock when its time is over", function()
    local child = process.start(([[
      local unlock = assert(require("better_i18n").store.file(%q).lock("key", 0.5))
      io.open(%q, "w"):close()
      while true do end]]):format(path, dir .. "/locked"))
    repeat socket.sleep(0.005) until io.open(dir .. "/locked")
    child.signal "STOP"
    local one, start = file(path), socket.gettime()
    local unlock
    repeat
      socket.sleep(0.02)
      unlock = one.lock("key", 5)
    until unlock or socket.gettime() - start > 10
    child.signal "KILL"
    child.wait()
    assert.truthy(unlock)
  end)
end)

it("leaves no descriptor open", function()
  local one = file(path)
  local version = one.save("key", { n = 0 }, nil)
  collectgarbage() -- files of other tests
  local before = process.descriptors()
  for n = 1, 50 do
    version = one.save("key", { n = n }, version)
    one.load "key"
    one.lock("key", 1)()
    one.save("key", {}, nil)
    pcall(file(dir .. "/no/x.json").save, "key", {}, nil)
  end
  assert.equal(before, process.descriptors())
end)
