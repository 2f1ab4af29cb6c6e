-- Every tool of API.md against the sandbox, once by its method and once by call_tool: the answers, and what is refused.
-- The rows are in spec/support/tool_rows.lua; the other errors are in spec/tool_errors_spec.lua.
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local tools = require "spec.support.tools"

setup(sandbox.start)
teardown(sandbox.stop)

local ways, asked = tools.ways, tools.asked

local function prepare(row)
  local grant = tools.grant { sync_ms = 60000 }
  local client = sandbox.installed(grant)
  local c = { project = sandbox.project(grant, { languages = { "de", "fr" }, keys = {
    { n = "title", v = "Hello", t = { de = "Hallo" } }, { n = "old", v = "Old" },
  } }) }
  for _, key in ipairs((client:list_keys { project = c.project })) do
    c[key.key == "old" and "id" or "title"] = key.id
  end
  if row.changed or row.published then
    client:set_translations { project = c.project, translations = { { id = c.title, translations = { de = "Moin" } } } }
  end
  if row.published then c.sync = client:publish({ project = c.project }).syncJobIds[1] end
  return client, c, grant
end

local function check_wire(row, data)
  for _, field in ipairs(row.fields) do assert.is_not_nil(data[field], row.tool .. " gave no " .. field) end
  if not row.items then return end
  local item = data[row.items[1]][1]
  for _, field in ipairs(row.items[2]) do assert.is_not_nil(item[field], row.items[1] .. "[1]." .. field) end
end

for _, row in ipairs(tools.rows) do
  describe(row.tool, function()
    it("answers its method, in long names", function()
      local client, c, grant = prepare(row)
      local before = asked(grant, row)
      local data, response = ways.method(client, row, c)
      row.long(data, c, response)
      assert.equal(200, response.status)
      assert.equal(before + 1, asked(grant, row))
    end)

    it("answers call_tool, as it came", function()
      local client, c = prepare(row)
      local data, response = ways.call_tool(client, row, c)
      check_wire(row, data)
      assert.equal(200, response.status)
    end)

    it("is not asked where the method refuses its arguments", function()
      local grant = tools.grant()
      local client = sandbox.installed(grant)
      expect.refused(row.method .. ": ", client[row.method], client, row.wrong[2])
      expect.refused(row.wrong[1], client[row.method], client, row.wrong[2])
      assert.equal(0, sandbox.total(grant))
    end)

    it("refuses arguments that it does not know, whatever the status of a JSON-RPC error", function()
      for _, status in ipairs { 200, 400 } do
        local grant = tools.grant { rpc_error_status = status }
        local client = sandbox.installed(grant)
        local err = expect.failure("invalid_request", client.call_tool, client, row.tool, { nonsense = 1 })
        assert.same({ status, 1 }, { err.status, asked(grant, row) })
      end
    end)

    it("refuses more than it takes", function()
      local grant = tools.grant()
      local client = sandbox.installed(grant)
      for _, more in ipairs(row.beyond or {}) do
        local wire = row.wire(tools.SOMETHING)
        for name, value in pairs(more) do wire[name] = value end
        expect.failure({ "invalid_request", "tool_error" }, client.call_tool, client, row.tool, wire)
      end
      assert.equal(#(row.beyond or {}), asked(grant, row))
    end)
  end)
end

describe("bad input", function()
  local FORMS = {
    "", "acme", "acme/", "/site", "acme/site/de", "acme//site", " acme/site", "acme/site ", "acme/si te", "acme/site\n",
    "acme/si\0te", "https://dash.better-i18n.com/acme/site", "acme/\255", 7, true, {},
  }

  it("is a project in another form, for every method that takes one", function()
    local grant = tools.grant()
    local client = sandbox.installed(grant)
    for _, row in ipairs(tools.rows) do
      local args = row.args and row.args(tools.SOMETHING)
      if type(args) == "table" then
        for _, form in ipairs(FORMS) do
          args.project = form
          expect.refused(row.method .. ": project ", client[row.method], client, args)
        end
        args.project = nil
        expect.refused(row.method .. ": project is missing", client[row.method], client, args)
      end
    end
    for _, form in ipairs(FORMS) do
      expect.refused("project", client.get_manifest, client, form)
      expect.refused("project", client.get_messages, client, form, "de")
    end
    assert.equal(0, sandbox.total(grant))
  end)

  it("is an empty list, wherever a list is taken", function()
    local grant = tools.grant()
    local client = sandbox.installed(grant)
    local lists = {
      create_keys = { "keys" }, update_keys = { "updates" }, set_translations = { "translations" },
      delete_keys = { "ids" }, publish = { "translations" }, propose_languages = { "languages" },
      propose_language_edits = { "edits" }, translation_context = { "keys", "languages" },
      list_keys = { "search", "namespaces", "fields" },
      get_translations = { "search", "languages", "namespaces", "keys" },
    }
    for method, names in pairs(lists) do
      for _, name in ipairs(names) do
        expect.refused(name .. " is empty", client[method], client, { project = "acme/site", [name] = {} })
      end
    end
    assert.equal(0, sandbox.total(grant))
  end)
end)

describe("the sixteen tools", function()
  it("are those that the service lists", function()
    local names, listed = {}, {}
    for _, row in ipairs(tools.rows) do names[row.tool] = true end
    for _, tool in ipairs((sandbox.installed(tools.grant()):list_tools())) do listed[tool.name] = true end
    assert.same(listed, names)
    assert.equal(16, #tools.rows)
  end)
end)
