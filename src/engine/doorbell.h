/* Tells an event loop that can watch nothing but its own sockets (nginx) when the engine has something to do: a small
 * thread watches the engine's descriptor and writes a byte to a unix socket. The thread touches nothing else: neither
 * libcurl nor Lua nor the allocator. Called by the binding. */
#ifndef BI_ENGINE_DOORBELL_H
#define BI_ENGINE_DOORBELL_H

#include <stdbool.h>

typedef struct bi_doorbell bi_doorbell;

/* Milliseconds after which an armed doorbell rings though nothing happened. */
#define BI_DOORBELL_TICK 500

/* Opens the socket for one connection from this very process. `descriptor` is borrowed and must stay open until the
 * doorbell is freed. No file is left, whatever happens to the process: the socket is reached through /proc/self/fd.
 * (Where there is no /proc its file lives until the start, in a 0700 folder.) NULL: errno tells. */
bi_doorbell *bi_doorbell_new(int descriptor);

/* Where to connect to. Borrowed. */
const char *bi_doorbell_path(const bi_doorbell *bell);

/* To be called once the connection was made: takes it and starts the thread. False: errno tells. */
bool bi_doorbell_start(bi_doorbell *bell);

/* From now on the next news, or the next tick, rings: once, until it is armed again. News that is there already does,
 * too. */
void bi_doorbell_arm(bi_doorbell *bell);

/* Ends the thread and closes the connection. In a child that inherited it by fork there is no thread, and what the
 * parent has stays as it is. NULL is fine. */
void bi_doorbell_free(bi_doorbell *bell);

/* Counts who uses doorbells in this process (Lua states do): 1, 2, …, from 1 again in a child. */
unsigned bi_doorbell_enroll(void);

#endif
