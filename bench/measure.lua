-- The figures of bench/table, each as the difference of two run lengths, so that starting up is not in it: instructions
-- (callgrind), CPU and elapsed time (rusage), system calls (strace), most resident memory of a whole run.
-- A command is a table: environment (string, may be empty), line (string in which %d stands for the run length).
local measure = {}

local USAGE = "build/bench/usage "

local function output_of(line)
  local pipe = assert(io.popen(line .. " 2>&1"))
  local text = pipe:read "a"
  if not pipe:close() then error("failed: " .. line .. "\n" .. text, 0) end
  return text
end

local function difference(figure, command, short, long)
  return (figure(command, long) - figure(command, short)) / (long - short)
end

local function with(tool, command, length)
  return output_of(command.environment .. " " .. tool .. command.line:format(length))
end

local function instructions(command, length)
  local text = with("valgrind --tool=callgrind --callgrind-out-file=/dev/null ", command, length)
  return tonumber(text:match "Collected : (%d+)")
end

local function system_calls(command, length)
  local text = with("strace -f -c -o /dev/stdout ", command, length)
  return tonumber(text:match "%d+%.%d+ +%d+%.%d+ +%d+ +(%d+) +%d* *total")
end

-- CPU and elapsed time in microseconds, memory in kB.
local function usage(command, length)
  local cpu, elapsed, resident = with(USAGE, command, length):match "(%d+) (%d+) (%d+)\n$"
  return { cpu = tonumber(cpu), elapsed = tonumber(elapsed), resident = tonumber(resident) }
end

function measure.median(list)
  table.sort(list)
  return (list[(#list + 1) // 2] + list[#list // 2 + 1]) / 2
end

--- @return number instructions a call
function measure.instructions(command, short, long) return difference(instructions, command, short, long) end

--- @return number system calls a call
function measure.system_calls(command, short, long) return difference(system_calls, command, short, long) end

--- @return number kB, at most, of a run of that length
function measure.resident(command, length) return usage(command, length).resident end

--- @return table for each command { cpu, elapsed }: medians of so many rounds in microseconds a call. The commands take
-- turns, so that what else the machine does meets all of them
function measure.times(commands, rounds)
  local cpus, elapsed, medians = {}, {}, {}
  for _ = 1, rounds do
    for number, command in ipairs(commands) do
      local short, long = usage(command, command.short), usage(command, command.long)
      local calls = command.long - command.short
      cpus[number], elapsed[number] = cpus[number] or {}, elapsed[number] or {}
      table.insert(cpus[number], (long.cpu - short.cpu) / calls)
      table.insert(elapsed[number], (long.elapsed - short.elapsed) / calls)
    end
  end
  for number in ipairs(commands) do
    medians[number] = { cpu = measure.median(cpus[number]), elapsed = measure.median(elapsed[number]) }
  end
  return medians
end

return measure
