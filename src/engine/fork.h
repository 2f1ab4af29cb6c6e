/* Which process are we in? A counter that a fork bumps in the child: getpid would be a system
 * call on every use. Called by the engine and the binding. */
#ifndef BI_ENGINE_FORK_H
#define BI_ENGINE_FORK_H

/* Installs the handler, once in a process; threads may race for it. The handler outlives a
 * dlclose, so the module is linked with -z nodelete. */
void bi_fork_watch(void);

/* Differs from the value before the fork when called in a child. Cheap. */
unsigned long bi_fork_generation(void);

#endif
