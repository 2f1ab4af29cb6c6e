-- Random identifiers, the S256 transform of PKCE and base64url.
-- Any file of the sandbox may use it. SHA-256 comes from the libcrypto that nginx is linked with.
local ffi = require "ffi"

ffi.cdef [[ unsigned char *SHA256(const unsigned char *data, size_t size, unsigned char *digest); ]]

local crypto = {}

local ok, libcrypto = pcall(function() return ffi.C.SHA256 and ffi.C end)
if not ok then libcrypto = ffi.load "crypto" end

local function hex(bytes)
  return (bytes:gsub(".", function(char) return string.format("%02x", char:byte()) end))
end

-- Opened on first use, hence after the fork: two workers never share a read buffer.
local urandom

-- A fresh identifier: the prefix and 2 * size hexadecimal digits.
function crypto.new_id(prefix, size)
  urandom = urandom or assert(io.open("/dev/urandom", "rb"))
  return prefix .. hex(urandom:read(size or 16))
end

function crypto.base64url(bytes)
  return (ngx.encode_base64(bytes, true):gsub("[+/]", { ["+"] = "-", ["/"] = "_" }))
end

-- The code_challenge that belongs to a code_verifier (RFC 7636, S256).
function crypto.s256(verifier)
  local digest = ffi.new "unsigned char[32]"
  libcrypto.SHA256(verifier, #verifier, digest)
  return crypto.base64url(ffi.string(digest, 32))
end

return crypto
