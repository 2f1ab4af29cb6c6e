-- Writes what the benchmark's server answers, in the shapes of API.md. Called by bench/server.
-- Usage: lua documents.lua FOLDER
local folder = assert(arg[1], "which folder?")

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

-- About 300 bytes with these names.
local function project(number)
  return ('{"id":"prj_%06d","name":"Onlineshop Zürich %d","slug":"shop-%d","organizationId":"org_000001",'
    .. '"organizationName":"Acme","sourceLanguage":"en","targetLanguages":["de","fr","ja","pt-br"],"keyCount":%d,'
    .. '"coverage":{"de":%.1f,"fr":71.2},"isPublic":false,"description":null,"createdAt":"2025-03-14T09:26:53.589Z"}')
    :format(number, number, number, number * 37, number % 1000 / 10)
end

local function list(count)
  local items = {}
  for number = 1, count do items[number] = project(number) end
  return '{"projects":[' .. table.concat(items, ",") .. '],"nextCursor":null,"total":' .. count .. "}"
end

-- A flat file of the CDN: names of five parts, texts of 30 to 280 bytes, some of them beyond ASCII or with escapes.
local texts = {
  "Please confirm the change of your address before you go on; you may come back to it at any time. ",
  "Bitte bestätigen Sie die Änderung Ihrer Adresse, bevor Sie fortfahren – Sie können sie später ändern. ",
  "A \\\"quoted\\\" word,\\na second line and {count} placeholders. ", "変更を保存しますか？ ",
}

local function messages(count)
  local items = {}
  for number = 1, count do
    local text = texts[number % #texts + 1]
    items[number] = ('"storefront.checkout.section%d.page%d.text%d":"%s"')
      :format(number % 20, number % 400, number, text:rep(1 + number % 3))
  end
  return "{" .. table.concat(items, ",") .. "}"
end

write("small.json", project(1))
write("list.json", list(100))
write("large.json", messages(10000))
