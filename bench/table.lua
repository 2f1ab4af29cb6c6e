-- Prints the table of `make bench`: each row's figures as ratios to the first of its case, measured in the same run.
-- Run by bench/table, which builds the programs and starts the server.
-- Environment: ROWS (names of cases, none: all), QUICK=1 (short runs: does it work?, not: how fast is it?)
local measure = require "bench.measure"
local cases = require "bench.cases"

local QUICK = os.getenv "QUICK" == "1"
local wanted = {}
for name in (os.getenv "ROWS" or ""):gmatch "[^%s,]+" do wanted[name] = true end

-- A misspelt name is told before anything is measured.
local function check_names()
  local known, names = {}, {}
  for index, case in ipairs(cases) do
    known[case.key], names[index] = true, case.key
  end
  for name in pairs(wanted) do
    if not known[name] then
      io.stderr:write(("bench: ROWS has no case %q; the cases are: %s\n"):format(name, table.concat(names, " ")))
      os.exit(2)
    end
  end
end
check_names()

local function time(n) return n >= 1e4 and ("%.1f ms"):format(n / 1e3) or ("%.0f µs"):format(n) end

-- Column, its name above, and how the reference's own figure is shown.
local COLUMNS = {
  { "instructions", "instructions", function(n)
    return n >= 1e6 and ("%.1f M"):format(n / 1e6) or ("%.0f k"):format(n / 1e3)
  end },
  { "cpu", "CPU", time },
  { "elapsed", "elapsed", time },
  { "calls", "sys. calls", function(n) return ("%.1f"):format(n) end },
  { "resident", "resident", function(n) return ("%.1f MB"):format(n / 1024) end },
}
-- Goals that are amounts and not ratios: the unit, and how to get there from the figure.
local AMOUNTS = {
  calls = { "%g sys. calls", "calls", 1 }, resident = { "%g MB", "resident", 1024 },
  milliseconds = { "%g ms CPU", "cpu", 1000 },
}

local started = os.time()

local function progress(...)
  io.stderr:write(("%4d s  %s\n"):format(os.time() - started, table.concat({ ... }, ": ")))
end

local function lengths_of(command, lengths)
  local short = math.floor(lengths[1] * command.times)
  local long = math.max(short + 1, math.floor(lengths[2] * command.times))
  if QUICK then long = short + math.max(1, (long - short) // 10) end
  return short, long
end

local function measure_case(case)
  local figures = {}
  for number, command in ipairs(case.commands) do
    local row = {}
    figures[number] = row
    progress(case.name, command.name)
    if case.lengths then
      local short, long = lengths_of(command, case.lengths)
      if not command.uncounted then row.instructions = measure.instructions(command, short, long) end
      row.calls = measure.system_calls(command, short, long)
      command.short, command.long = lengths_of(command, case.timed)
    end
    if case.resident then row.resident = measure.resident(command, case.resident) end
  end
  if case.lengths then
    progress(case.name, "times")
    local times = measure.times(case.commands, QUICK and 1 or case.rounds or 5)
    for number, row in ipairs(figures) do
      row.cpu, row.elapsed = times[number].cpu, times[number].elapsed
      -- Whatever could not have been so fast was not measured, CPU of the same runs included.
      if row.elapsed < (case.at_least or 0) then row.cpu, row.elapsed = nil, nil end
    end
  end
  return figures
end

-- bench/nginx prints "way µs" for each way, the peer first.
local function measure_nginx(case)
  progress(case.name, "both ways")
  local pipe = assert(io.popen("bench/nginx cpu " .. (QUICK and "1 1" or "3 4")))
  local figures, commands = {}, {}
  for name, cpu in pipe:read("a"):gmatch "([^\n]+)\t([%d.]+)\n" do
    figures[#figures + 1], commands[#commands + 1] = { cpu = tonumber(cpu) }, { name = name }
  end
  assert(pipe:close() and #figures == 2, "bench/nginx failed")
  case.commands, commands[2].goals = commands, case.goals
  return figures
end

local function verdict(command, row, reference)
  if QUICK then return "" end -- so short a run reaches or misses nothing
  local parts = {}
  for _, name in ipairs { "instructions", "cpu", "elapsed", "calls", "resident", "milliseconds" } do
    local goal = command.goals and command.goals[name]
    local amount = AMOUNTS[name]
    if goal and not (row[amount and amount[2] or name] and reference[amount and amount[2] or name]) then
      local text = amount and amount[1]:format(goal) or ("%.2f %s"):format(goal, name)
      parts[#parts + 1] = ("%s not measured"):format(text)
    elseif goal then
      local value = amount and row[amount[2]] / amount[3] or row[name] / reference[name]
      -- A figure counts as it is printed: 5.004 system calls are 5.0.
      local reached = tonumber((amount and "%.1f" or "%.2f"):format(value)) <= goal
      local text = amount and amount[1]:format(goal) or ("%.2f %s"):format(goal, name)
      parts[#parts + 1] = ("%s %s"):format(text, reached and "yes" or "NO")
    end
  end
  return table.concat(parts, ", ")
end

local function pad(text, width) return text .. (" "):rep(width - utf8.len(text)) end

local function cell(column, value, reference, is_reference)
  local key, _, show = table.unpack(column)
  if not value then return pad("-", 13) end
  if is_reference then return pad(show(value), 13) end
  if not reference then return pad("?", 13) end
  local ratio = ("%.2f"):format(value / reference)
  return pad((key == "calls" or key == "resident") and ratio .. " " .. show(value) or ratio, 13)
end

local function print_case(case, figures)
  print(("\n%s"):format(case.name))
  for number, row in ipairs(figures) do
    local cells = { pad("  " .. case.commands[number].name, 36) }
    for _, column in ipairs(COLUMNS) do
      cells[#cells + 1] = cell(column, row[column[1]], figures[1][column[1]], number == 1)
    end
    print((table.concat(cells) .. verdict(case.commands[number], row, figures[1])):match "^(.-) *$")
  end
end

local results = {}
for _, case in ipairs(cases) do
  if not next(wanted) or wanted[case.key] then
    results[#results + 1] = { case, (case.nginx and measure_nginx or measure_case)(case) }
  end
end
local head = { pad("", 36) }
for _, column in ipairs(COLUMNS) do head[#head + 1] = pad(column[2], 13) end
print(table.concat(head) .. (QUICK and "goals are not judged: QUICK" or "goal: at most, reached?"))
for _, result in ipairs(results) do print_case(result[1], result[2]) end
