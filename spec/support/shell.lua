-- Files and commands of the machine, as specs and their helpers need them.
local shell = {}

--- Runs a command. @return boolean whether it ended with 0, in every Lua
function shell.run(command)
  local result = os.execute(command)
  return result == true or result == 0
end

--- @return string what a command prints
function shell.output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

--- @return string the first line that a command prints, or nil; a process that it leaves behind may go on printing
function shell.line(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read "*l"
  pipe:close()
  return line
end

--- @return string the text as one word of a command
function shell.quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- @return array of the files that a pattern of the shell names, sorted; `flags` for ls
function shell.list(pattern, flags)
  local paths = {}
  for path in shell.output(("ls %s %s"):format(flags or "", pattern)):gmatch "[^\n]+" do paths[#paths + 1] = path end
  return paths
end

--- @return string the file's bytes
function shell.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- @return string the file's bytes, or "" where there is none
function shell.read_if_there(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

--- @return string the path
function shell.write(path, ...)
  local file = assert(io.open(path, "wb"))
  file:write(...)
  file:close()
  return path
end

return shell
