---@meta _

-- The client's methods for keys and translations, with what they take and give. See module.lua.

---@class better_i18n.client
local client = {}

---One page of a project's keys. Scope keys:read.
---@param args better_i18n.list_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.key[] keys
---@return better_i18n.response response with `total`, `next`, `answer`
function client:list_keys(args, options) end

---All keys of a project.
---@param args better_i18n.each_key_args
---@param options? better_i18n.tool_options
---@return fun(): better_i18n.key, integer, better_i18n.response iterator
function client:each_key(args, options) end

---Keys with their texts, as many as the service gives at once. Scope translations:read.
---@param args better_i18n.get_translations_args
---@param options? better_i18n.tool_options
---@return better_i18n.key_texts[] keys
---@return better_i18n.response response with `total`, `has_more`, `answer`
function client:get_translations(args, options) end

---All keys with their texts.
---@param args better_i18n.each_translation_args
---@param options? better_i18n.tool_options
---@return fun(): better_i18n.key_texts, integer, better_i18n.response iterator
function client:each_translation(args, options) end

---Makes any number of keys. Scope keys:write.
---@param args better_i18n.create_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.created result
---@return better_i18n.response response of the last request
function client:create_keys(args, options) end

---Sets texts of any number of keys. Scope translations:write.
---@param args better_i18n.set_translations_args
---@param options? better_i18n.tool_options
---@return better_i18n.translated result
---@return better_i18n.response response of the last request
function client:set_translations(args, options) end

---Changes any number of texts. Scope translations:write.
---@param args better_i18n.update_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.updated result
---@return better_i18n.response response of the last request
function client:update_keys(args, options) end

---Marks any number of keys as deleted; publishing deletes them for good. Scope keys:write.
---@param args better_i18n.delete_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.deleted result
---@return better_i18n.response response of the last request
function client:delete_keys(args, options) end

---@class better_i18n.project_args
---@field project string "org-slug/project-slug"

---@class better_i18n.each_key_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field missingLanguage? string
---@field fields? ("id"|"sourceText"|"translations"|"translatedLanguages"|"translatedLanguageCount")[]
---@field limit? integer 1 to 100: keys on a page
---@field max? number keys at all
---@field prefetch? integer (1) pages fetched ahead; 0: none
---@field cursor? integer the page to begin with

---@class better_i18n.list_keys_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field missingLanguage? string
---@field fields? ("id"|"sourceText"|"translations"|"translatedLanguages"|"translatedLanguageCount")[]
---@field limit? integer 1 to 100 (20)
---@field page? integer from 1

---@class better_i18n.get_translations_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field keys? string[] names
---@field languages? string[]
---@field status? "missing"|"draft"|"published"|"all" needs `languages`
---@field limit? integer 1 to 200 (100)

---@class better_i18n.each_translation_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field keys? string[] names
---@field languages? string[]
---@field status? "missing"|"draft"|"published"|"all" needs `languages`
---@field limit? integer 1 to 100: keys asked for at a time
---@field max? number keys at all
---@field prefetch? integer (1) pages fetched ahead; 0: none
---@field cursor? integer the page to begin with

---@class better_i18n.create_keys_args: better_i18n.project_args
---@field keys better_i18n.new_key[]
---@field force? boolean makes a key that is a text and a group of keys at once

---@class better_i18n.new_key
---@field key string
---@field namespace? string ("default")
---@field sourceText? string
---@field translations? table<string, string> language → text
---@field namespaceContext? table

---@class better_i18n.set_translations_args: better_i18n.project_args
---@field translations better_i18n.new_texts[]

---@class better_i18n.new_texts
---@field id string of the key
---@field translations table<string, string> language → text

---@class better_i18n.update_keys_args: better_i18n.project_args
---@field updates better_i18n.new_text[]

---@class better_i18n.new_text
---@field id string of the key
---@field language string
---@field text string
---@field source? boolean it is the source text
---@field status? string

---@class better_i18n.delete_keys_args: better_i18n.project_args
---@field ids string[]

---@class better_i18n.key
---@field key string
---@field namespace? string
---@field id? string
---@field sourceText? string
---@field translations? table<string, string> language → text
---@field translatedLanguages? string[]
---@field translatedLanguageCount? integer

---`response.answer` of list_keys.
---@class better_i18n.keys_answer
---@field keys better_i18n.key[]
---@field total? integer
---@field returned? integer
---@field page? integer
---@field limit? integer
---@field hasMore? boolean
---@field namespaces? string[]
---@field note? string

---@class better_i18n.key_texts
---@field id string
---@field key string
---@field namespace? string
---@field sourceText? string
---@field translations? table<string, better_i18n.text> by language

---@class better_i18n.text
---@field id? string
---@field text? string
---@field status? string

---`response.answer` of get_translations.
---@class better_i18n.texts_answer
---@field keys better_i18n.key_texts[]
---@field project? string
---@field sourceLanguage? string
---@field returned? integer
---@field total? integer
---@field hasMore? boolean
---@field namespaceDetails? table<string, better_i18n.namespace_details>

---@class better_i18n.namespace_details
---@field description? string
---@field context? string

---What all writes of many items give; lists of several requests are joined, numbers added.
---@class better_i18n.write_result
---@field ok? boolean
---@field count? integer
---@field failed better_i18n.failed[] all that was not done as asked

---@class better_i18n.failed
---@field index? integer the item's place in the given list
---@field item? any
---@field kind "skipped"|"blocked"|"error"
---@field reason? string
---@field key? string
---@field namespace? string
---@field id? string
---@field language? string
---@field conflict? string

---@class better_i18n.created: better_i18n.write_result
---@field created? integer
---@field renewed? integer keys that had been deleted
---@field duplicates? integer
---@field keys? better_i18n.created_key[]
---@field skipped? better_i18n.key_note[]
---@field warnings? better_i18n.key_warning[]
---@field blocked? better_i18n.key_conflict[]
---@field published? boolean

---@class better_i18n.created_key
---@field index? integer
---@field id? string
---@field key? string
---@field namespace? string
---@field translations? any

---@class better_i18n.key_note
---@field index? integer
---@field id? string
---@field key? string
---@field namespace? string
---@field language? string
---@field reason? string
---@field deleted? any

---@class better_i18n.key_warning
---@field index? integer
---@field key? string
---@field namespace? string
---@field warning? string
---@field reason? string

---@class better_i18n.key_conflict
---@field index? integer
---@field key? string
---@field namespace? string
---@field conflict? string
---@field reason? string

---@class better_i18n.translated: better_i18n.write_result
---@field written? integer texts
---@field updated? better_i18n.translated_key[]
---@field errors? better_i18n.key_error[]

---@class better_i18n.translated_key
---@field index? integer
---@field id? string
---@field key? string
---@field languages? string[]

---@class better_i18n.updated: better_i18n.write_result
---@field updated? better_i18n.updated_key[]
---@field errors? better_i18n.key_error[]

---@class better_i18n.updated_key
---@field index? integer
---@field id? string
---@field key? string
---@field language? string

---@class better_i18n.key_error
---@field index? integer
---@field id? string
---@field key? string
---@field language? string
---@field error? string
---@field reason? string

---@class better_i18n.deleted: better_i18n.write_result
---@field marked? better_i18n.key_note[]
---@field skipped? better_i18n.key_note[]
