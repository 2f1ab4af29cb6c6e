---@meta _

-- The client's methods for publishing and syncs, with what they take and give. See module.lua.

---@class better_i18n.client
local client = {}

---What publishing would change.
---@param args better_i18n.project_args
---@param options? better_i18n.tool_options
---@return better_i18n.pending pending
---@return better_i18n.response response
function client:pending_changes(args, options) end

---Publishes what is pending, or the named texts. Scope translations:publish. Never sent twice.
---@param args better_i18n.publish_args
---@param options? better_i18n.tool_options
---@return better_i18n.published result
---@return better_i18n.response response
function client:publish(args, options) end

---The latest syncs, the newest first.
---@param args better_i18n.list_syncs_args
---@param options? better_i18n.tool_options
---@return better_i18n.sync[] syncs
---@return better_i18n.response response with `total`, `answer`
function client:list_syncs(args, options) end

---One sync as it is now.
---@param sync_id string
---@param options? better_i18n.get_sync_options
---@return better_i18n.sync sync
---@return better_i18n.response response
function client:get_sync(sync_id, options) end

---Waits until a sync is completed. Raises `sync_failed`, `sync_cancelled`, `timeout`, each with `sync`.
---@param sync_id string
---@param options? better_i18n.wait_sync_options
---@return better_i18n.sync sync
---@return better_i18n.response response
function client:wait_sync(sync_id, options) end

---Stops a sync that is not over.
---@param args better_i18n.cancel_sync_args
---@param options? better_i18n.tool_options
---@return better_i18n.cancelled result
---@return better_i18n.response response
function client:cancel_sync(args, options) end

---@class better_i18n.publish_args: better_i18n.project_args
---@field translations? better_i18n.publish_text[] nil: everything that is pending

---@class better_i18n.publish_text
---@field keyId string
---@field languageCode string

---@class better_i18n.list_syncs_args: better_i18n.project_args
---@field limit? integer 1 to 50
---@field status? better_i18n.sync_status
---@field type? string

---@class better_i18n.cancel_sync_args: better_i18n.project_args
---@field id string

---@alias better_i18n.sync_status "pending"|"in_progress"|"completed"|"failed"|"cancelled"

---@class better_i18n.pending
---@field hasChanges? boolean
---@field summary? better_i18n.pending_summary
---@field byLanguage? any
---@field deletedKeys? better_i18n.key_note[]
---@field publishDestination? "github"|"cdn"|"none"
---@field noPublishReason? string nil when it can be published

---@class better_i18n.pending_summary
---@field translations? integer
---@field deletedKeys? integer
---@field languageChanges? integer
---@field total? integer

---@class better_i18n.published
---@field success? boolean
---@field published? integer
---@field syncJobIds? string[] for wait_sync
---@field message? string

---@class better_i18n.sync
---@field id string
---@field type? string
---@field status better_i18n.sync_status
---@field startedAt? string
---@field completedAt? string
---@field log? (string|better_i18n.sync_line)[]
---@field affectedKeys? better_i18n.key_note[]

---@class better_i18n.sync_line
---@field message? string
---@field at? string

---`response.answer` of list_syncs.
---@class better_i18n.syncs_answer
---@field project? string
---@field total? integer
---@field syncs better_i18n.sync[]

---@class better_i18n.cancelled
---@field id? string
---@field cancelled? boolean false: it was too late
---@field previousStatus? string
---@field reason? string
