-- The tools about whole projects: listProjects, getProject, getTranslationContext, proposeLanguages,
-- proposeLanguageEdits as methods. client.lua loads it when the first of them is called. Names as in keys.lua. Every
-- method takes the options of a call (`timeout, max_retries, headers, signal`) in its last table.

local call = require "better_i18n.tools.call"
local kinds = require "better_i18n.tools.kinds"

local projects = {}

local project = { kinds.project, required = true }
local code = { kinds.language, required = true }

local project_alone = kinds.object { project = project }
local context = kinds.object {
  project = project, keys = { kinds.list(kinds.name, 50) }, kPerKey = { kinds.integer(1, 20) },
  languages = { kinds.list(kinds.language) },
}
local proposals = kinds.object {
  project = project,
  languages = { kinds.list(kinds.object { languageCode = code, status = { kinds.name } }), required = true },
}
local edits = kinds.object {
  project = project,
  edits = {
    kinds.list(kinds.object { languageCode = code, newStatus = { kinds.name, required = true } }), required = true,
  },
}

local function method(where, tool, kind)
  projects[where] = function(client, args, options)
    call.check_client(where, client)
    return call.tool(where, client, tool, call.arguments(where, kind, args), options)
  end
end

--- The projects that the tools can reach.
-- @return array of { id, slug ("org/project", what the other methods take), name, organizationName, sourceLanguage,
--   targetLanguages, cdnFormat, fileStructure, keyFormat }, response
-- @raise as call_tool
function projects.list_tool_projects(client, options)
  local where = "list_tool_projects"
  call.check_client(where, client)
  local answer, response = call.tool(where, client, "listProjects", nil, options)
  return call.listed(where, "listProjects", answer, response, "projects")
end

--- One project: { project, sourceLanguage, namespaces = { { name, keyCount, description, context } }, languages,
-- totalKeys, coverage = { language = { translated, percent } }, cdn = { base, manifest, pattern, example,
-- fileStructure, keyFormat } }, response. Takes project. Raises as call_tool.
method("project_overview", "getProject", project_alone)

--- What a translator should know: { project, sourceLanguage, targetLanguages, instructions, context, glossary,
-- glossaryTotal, rules }, response. Takes project; keys: at most 50, kPerKey: 1 to 20; languages. Raises as call_tool.
method("translation_context", "getTranslationContext", context)

--- Adds target languages. Takes project; languages: { { languageCode, status }, … }. Gives the service's own answer,
-- `results` for each language, and the response. Raises as call_tool, not for a language that was refused.
method("propose_languages", "proposeLanguages", proposals)

--- Changes the status of target languages. Takes project; edits: { { languageCode, newStatus }, … }. As above.
method("propose_language_edits", "proposeLanguageEdits", edits)

return projects
