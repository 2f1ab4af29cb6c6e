---@meta _

-- The client's methods for projects over MCP, with what they take and give. See module.lua.

---@class better_i18n.client
local client = {}

---The projects that the tools can reach.
---@param options? better_i18n.tool_options
---@return better_i18n.tool_project[] projects
---@return better_i18n.response response
function client:list_tool_projects(options) end

---One project: languages, namespaces, coverage.
---@param args better_i18n.project_args
---@param options? better_i18n.tool_options
---@return better_i18n.overview overview
---@return better_i18n.response response
function client:project_overview(args, options) end

---What a translator should know.
---@param args better_i18n.context_args
---@param options? better_i18n.tool_options
---@return better_i18n.context context
---@return better_i18n.response response
function client:translation_context(args, options) end

---Adds target languages.
---@param args better_i18n.propose_languages_args
---@param options? better_i18n.tool_options
---@return better_i18n.proposed result
---@return better_i18n.response response
function client:propose_languages(args, options) end

---Changes the status of target languages.
---@param args better_i18n.propose_language_edits_args
---@param options? better_i18n.tool_options
---@return better_i18n.proposed result
---@return better_i18n.response response
function client:propose_language_edits(args, options) end

---@class better_i18n.context_args: better_i18n.project_args
---@field keys? string[] at most 50
---@field kPerKey? integer 1 to 20
---@field languages? string[]

---@class better_i18n.propose_languages_args: better_i18n.project_args
---@field languages better_i18n.new_language[]

---@class better_i18n.new_language
---@field languageCode string
---@field status? string

---@class better_i18n.propose_language_edits_args: better_i18n.project_args
---@field edits better_i18n.language_edit[]

---@class better_i18n.language_edit
---@field languageCode string
---@field newStatus string

---@class better_i18n.tool_project
---@field id? string
---@field slug string "org/project": what the other methods take
---@field name? string
---@field organizationName? string
---@field sourceLanguage? string
---@field targetLanguages? string[]
---@field cdnFormat? string
---@field fileStructure? string
---@field keyFormat? string

---@class better_i18n.overview
---@field project? string
---@field sourceLanguage? string
---@field namespaces? better_i18n.namespace_overview[]
---@field languages? string[]
---@field totalKeys? integer
---@field coverage? table<string, better_i18n.coverage> by language
---@field cdn? better_i18n.cdn_overview

---@class better_i18n.namespace_overview
---@field name? string
---@field keyCount? integer
---@field description? string
---@field context? string

---@class better_i18n.coverage
---@field translated? integer
---@field percent? number

---@class better_i18n.cdn_overview
---@field base? string
---@field manifest? string
---@field pattern? string
---@field example? string
---@field fileStructure? string
---@field keyFormat? string

---@class better_i18n.context
---@field project? string
---@field sourceLanguage? string
---@field targetLanguages? string[]
---@field instructions? any
---@field context? better_i18n.key_context[]
---@field glossary? any[]
---@field glossaryTotal? integer
---@field rules? any[]

---@class better_i18n.key_context
---@field key? string
---@field namespace? string
---@field description? string
---@field similar? better_i18n.similar_key[]

---@class better_i18n.similar_key
---@field key? string
---@field sourceText? string
---@field translations? any

---@class better_i18n.proposed
---@field project? string
---@field results? better_i18n.object[] for each language
