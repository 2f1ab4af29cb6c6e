-- Gzip compression through the zlib that nginx is linked with; for the gzip faults.
-- Only faults/kinds.lua calls it.
local ffi = require "ffi"

ffi.cdef [[
typedef struct sandbox_z_stream {
  const unsigned char *next_in; unsigned int avail_in; unsigned long total_in;
  unsigned char *next_out; unsigned int avail_out; unsigned long total_out;
  const char *msg; void *state; void *zalloc; void *zfree; void *opaque;
  int data_type; unsigned long adler; unsigned long reserved;
} sandbox_z_stream;
const char *zlibVersion(void);
int deflateInit2_(sandbox_z_stream *, int level, int method, int bits, int memory, int strategy,
                  const char *version, int size);
int deflate(sandbox_z_stream *, int flush);
int deflateEnd(sandbox_z_stream *);
]]

local gzip = {}

local ok, zlib = pcall(function() return ffi.C.deflate and ffi.C end)
if not ok then zlib = ffi.load "z" end

local NO_FLUSH, FINISH, DEFLATED, GZIP_WINDOW = 0, 4, 8, 31
local OUT_SIZE = 65536

-- Compresses a sequence of pieces: `pieces` is called until it returns nil, so a bomb needs little memory.
function gzip.compress_all(pieces)
  local stream, out, buffer = ffi.new "sandbox_z_stream", {}, ffi.new("unsigned char[?]", OUT_SIZE)
  local version, size = zlib.zlibVersion(), ffi.sizeof(stream)
  assert(zlib.deflateInit2_(stream, 9, DEFLATED, GZIP_WINDOW, 8, 0, version, size) == 0)
  local function push(piece, flush)
    stream.next_in, stream.avail_in = piece, #piece
    repeat
      stream.next_out, stream.avail_out = buffer, OUT_SIZE
      zlib.deflate(stream, flush)
      out[#out + 1] = ffi.string(buffer, OUT_SIZE - stream.avail_out)
    until stream.avail_out > 0
  end
  for piece in pieces do push(piece, NO_FLUSH) end
  push("", FINISH)
  zlib.deflateEnd(stream)
  return table.concat(out)
end

function gzip.compress(text)
  local done = false
  return gzip.compress_all(function()
    if done then return nil end
    done = true
    return text
  end)
end

return gzip
