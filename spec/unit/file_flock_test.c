/* The same tests over flock, which stands in where the system has no open file description locks. */
#include <fcntl.h>
#undef F_OFD_SETLK
#include "engine/file_lock.c" /* NOLINT: takes the place of the library's */
#undef PIECE
#undef PAUSE
#undef CONTENT_MAX
#include "file_test.c"
