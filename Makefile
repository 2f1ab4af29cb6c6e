# Builds, checks, installs and demonstrates better-i18n for Lua (GNU make; `make help` lists the targets).
#
# The three layers of src/ are compiled apart, each seeing only the headers it may use: the core neither Lua's
# nor libcurl's, the engine libcurl's, the binding Lua's. New files are picked up by the wildcards.
# What takes more than a line lives in spec/tools/: deps, lua-incdir, firewall, check, demo.

.DEFAULT_GOAL := all

# --- Settings (make LUA=luajit, make WERROR= CFLAGS=-O3 …) -------------------------------------------------------

LUA          ?= 5.4
CLANG        ?= clang
CLANG_FORMAT ?= clang-format
PKG_CONFIG   ?= pkg-config
PREFIX       ?= /usr/local
TIME         ?= 60
# epoll: one descriptor for all sockets. poll: for systems without one; its builds lie in folders of their own.
POLLER       ?= epoll
WERROR       ?= -Werror

# 5.4, lua5.4, lua-5.4, lua54 and /usr/bin/lua5.4 all mean lua5.4; luajit implements 5.1's interface.
# A packager who knows where everything is may set LUA_NAME (the folder under build/) and LUA_INCDIR himself.
ifneq ($(origin LUA_NAME),command line)
lua_digits := $(subst .,,$(subst -,,$(subst lua,,$(notdir $(LUA)))))
ifneq ($(findstring jit,$(LUA)),)
  LUA_NAME := luajit
else ifneq ($(filter 51 52 53 54 55,$(lua_digits)),)
  LUA_NAME := lua$(lua_digits:5%=5.%)
else
  $(error LUA=$(LUA) is not known: use 5.1 to 5.5 or luajit)
endif
endif
LUA_ABI    := $(or $(patsubst lua%,%,$(filter lua5.%,$(LUA_NAME))),5.1)
LUA_INCDIR ?= $(shell PKG_CONFIG='$(PKG_CONFIG)' sh spec/tools/lua-incdir $(LUA_NAME))

INST_LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_ABI)
INST_LUADIR ?= $(PREFIX)/share/lua/$(LUA_ABI)

# --- Flags -------------------------------------------------------------------------------------------------------

# One definition of the feature macro for every file; no file defines it itself.
CPPFLAGS_ALL := -Isrc -D_GNU_SOURCE $(CPPFLAGS)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wcast-qual -Wcast-align -Wformat=2 -Wundef -Wvla -Wwrite-strings \
            -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
cc_is_clang := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
ifeq ($(cc_is_clang),)
  WARNINGS += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
endif

# cmocka's macros cast pointers to integers and hand every test a state that few use.
TEST_WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wformat=2 -Wundef -Wvla -Wno-unused-parameter

COMMON   := -std=c11 -g -fPIC -fvisibility=hidden -pthread
HARDENED := -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all

# Headers of libraries are not ours to warn about, hence -isystem.
system_includes = $(patsubst -I%,-isystem %,$(1))
LUA_CFLAGS    := $(addprefix -isystem ,$(LUA_INCDIR))
CURL_CFLAGS   := $(call system_includes,\
                 $(shell $(PKG_CONFIG) --cflags libcurl 2>/dev/null || curl-config --cflags 2>/dev/null))
CRYPTO_CFLAGS := $(call system_includes,$(shell $(PKG_CONFIG) --cflags libcrypto 2>/dev/null))
CURL_LIBS     := $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null || curl-config --libs 2>/dev/null || echo -lcurl)
CRYPTO_LIBS   := $(shell $(PKG_CONFIG) --libs libcrypto 2>/dev/null || echo -lcrypto)
LIBS          := $(CURL_LIBS) $(CRYPTO_LIBS)

# Lua's own symbols stay undefined: the interpreter has them. nodelete: the atfork handler outlives a dlclose.
ifeq ($(shell uname -s),Darwin)
  LIBFLAG     ?= -bundle -undefined dynamic_lookup
  MODULE_LINK := $(LIBFLAG)
else
  LIBFLAG     ?= -shared
  MODULE_LINK := $(LIBFLAG) -Wl,-z,relro,-z,now -Wl,-z,nodelete -Wl,--as-needed
endif

# --- Objects -----------------------------------------------------------------------------------------------------

# build/obj/<variant>/<layer>/<file>.o. Core and engine know no Lua: they are compiled once for all versions.
CORE    := $(patsubst src/%.c,%.o,$(wildcard src/core/*.c))
ENGINE  := $(patsubst src/%.c,%.o,$(filter-out src/engine/poller$(if $(filter poll,$(POLLER)),,_poll).c,\
           $(wildcard src/engine/*.c)))
FLAVOUR := $(if $(filter poll,$(POLLER)),-poll)
BINDING := $(patsubst src/%.c,%.o,$(wildcard src/binding/*.c))

COMPILE_plain             = $(CC) $(COMMON) $(HARDENED) $(WARNINGS) $(WERROR) $(CPPFLAGS_ALL) $(CFLAGS)
COMPILE_asan              = $(CC) $(COMMON) $(SANITIZE) $(WARNINGS) $(WERROR) $(CPPFLAGS_ALL) $(CFLAGS)
COMPILE_fuzz              = $(CLANG) $(COMMON) $(SANITIZE) -fsanitize=fuzzer-no-link $(CPPFLAGS_ALL) $(CFLAGS)
COMPILE_$(LUA_NAME)       = $(COMPILE_plain) $(LUA_CFLAGS)
COMPILE_asan-$(LUA_NAME)  = $(COMPILE_asan) $(LUA_CFLAGS)

ifeq ($(V),)
  say = @echo '  $(1)' &&
endif

# Each variant remembers its command in a file, so that changed flags rebuild it. -MD names the system's headers
# too: the firewall check reads there what a file really includes.
define variant
build/obj/$(1)/%.o: src/%.c build/obj/$(1)/command
	@mkdir -p $$(@D)
	$$(call say,CC $(1) $$<)$$(COMPILE_$(1)) $$(LAYER_CFLAGS) -MD -MP -c -o $$@ $$<
build/obj/$(1)/command: FORCE
	@mkdir -p $$(@D)
	@echo '$$(COMPILE_$(1))' | cmp -s - $$@ || echo '$$(COMPILE_$(1))' > $$@
build/obj/$(1)/core/%.o:   LAYER_CFLAGS = $$(CRYPTO_CFLAGS)
build/obj/$(1)/engine/%.o: LAYER_CFLAGS = $$(CURL_CFLAGS) $$(CRYPTO_CFLAGS)
endef
VARIANTS := plain asan fuzz $(LUA_NAME) asan-$(LUA_NAME)
$(foreach v,$(VARIANTS),$(eval $(call variant,$(v))))

MODULE      := build/$(LUA_NAME)$(FLAVOUR)/better_i18n/core.so
ASAN_MODULE := build/asan-$(LUA_NAME)$(FLAVOUR)/better_i18n/core.so

##@ Build and use
.PHONY: all
all: $(MODULE) ## builds the module for LUA (default 5.4) under build/

$(MODULE): $(addprefix build/obj/plain/,$(CORE) $(ENGINE)) $(addprefix build/obj/$(LUA_NAME)/,$(BINDING))
	@mkdir -p $(@D)
	$(call say,LD $@)$(CC) $(MODULE_LINK) -pthread -o $@ $^ $(LDFLAGS) $(LIBS)

$(ASAN_MODULE): $(addprefix build/obj/asan/,$(CORE) $(ENGINE)) $(addprefix build/obj/asan-$(LUA_NAME)/,$(BINDING))
	@mkdir -p $(@D)
	$(call say,LD $@)$(CC) $(MODULE_LINK) -pthread $(SANITIZE) -o $@ $^ $(LDFLAGS) $(LIBS)

# A missing lua.h is said once and plainly, before the compiler says it once per file.
$(addprefix build/obj/$(LUA_NAME)/,$(BINDING)) $(addprefix build/obj/asan-$(LUA_NAME)/,$(BINDING)): | lua-headers
.PHONY: lua-headers # internal
lua-headers:
	@test -n '$(LUA_INCDIR)' || { echo 'lua.h of $(LUA_NAME) was not found: install its development package' \
	    '(Debian: lib$(LUA_NAME)-dev) or give its folder: make LUA_INCDIR=…' >&2; exit 1; }

# The core and the engine as a library: what the C unit tests and the fuzz targets link.
build/plain$(FLAVOUR)/libbetter_i18n.a: $(addprefix build/obj/plain/,$(CORE) $(ENGINE))
build/asan$(FLAVOUR)/libbetter_i18n.a:  $(addprefix build/obj/asan/,$(CORE) $(ENGINE))
build/fuzz$(FLAVOUR)/libbetter_i18n.a:  $(addprefix build/obj/fuzz/,$(CORE) $(ENGINE))
build/plain$(FLAVOUR)/libbetter_i18n.a build/asan$(FLAVOUR)/libbetter_i18n.a build/fuzz$(FLAVOUR)/libbetter_i18n.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR $@)$(AR) rcs $@ $^

# --- Tests -------------------------------------------------------------------------------------------------------

# One executable per spec/unit/*_test.c; the other files there are helpers that each of them gets.
UNIT_TESTS   := $(patsubst spec/unit/%.c,%,$(wildcard spec/unit/*_test.c))
MODEL        := $(filter-out %_test.c,$(wildcard spec/unit/model_*.c))
FIXTURE      := spec/unit/transport_fixture.c
UNIT_SUPPORT := $(filter-out %_test.c $(MODEL) $(FIXTURE),$(wildcard spec/unit/*.c))
UNIT_HEADERS := $(wildcard spec/unit/*.h)
FUZZ_TARGETS := $(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c))

COMPILE_TEST = $(COMMON) $(TEST_WARNINGS) $(WERROR) -Ispec/unit $(CPPFLAGS_ALL) $(CFLAGS) -MD -MP -MF $@.d
LINK_TEST    = -lcmocka $(LDFLAGS) $(LIBS) -lm

build/asan$(FLAVOUR)/unit/%: spec/unit/%.c $(UNIT_SUPPORT) $(UNIT_HEADERS) build/asan$(FLAVOUR)/libbetter_i18n.a
	@mkdir -p $(@D)
	$(call say,CC asan $<)$(CC) $(SANITIZE) $(COMPILE_TEST) -o $@ $< $(UNIT_SUPPORT) $(UNIT_$*) $(filter %.a,$^) $(LINK_TEST)

build/plain$(FLAVOUR)/unit/%: spec/unit/%.c $(UNIT_SUPPORT) $(UNIT_HEADERS) build/plain$(FLAVOUR)/libbetter_i18n.a
	@mkdir -p $(@D)
	$(call say,CC plain $<)$(CC) -O1 $(COMPILE_TEST) -o $@ $< $(UNIT_SUPPORT) $(UNIT_$*) $(filter %.a,$^) $(LINK_TEST)

# The model of a world of processes, a store and the service is large: only its test gets it.
UNIT_model_test := $(MODEL)
build/asan$(FLAVOUR)/unit/model_test build/plain$(FLAVOUR)/unit/model_test: $(MODEL)

# So is what only the tests of the engine share.
TRANSPORT_TESTS := $(filter transport%,$(UNIT_TESTS))
$(foreach test,$(TRANSPORT_TESTS),$(eval UNIT_$(test) := $(FIXTURE)))
$(addprefix build/asan$(FLAVOUR)/unit/,$(TRANSPORT_TESTS)) $(addprefix build/plain$(FLAVOUR)/unit/,$(TRANSPORT_TESTS)): $(FIXTURE)

# The same tests with another kind of lock.
build/asan$(FLAVOUR)/unit/file_flock_test build/plain$(FLAVOUR)/unit/file_flock_test: spec/unit/file_test.c

build/fuzz$(FLAVOUR)/targets/%: spec/fuzz/%.c build/fuzz$(FLAVOUR)/libbetter_i18n.a
	@mkdir -p $(@D)
	$(call say,CC fuzz $<)$(CLANG) $(COMMON) $(SANITIZE) -fsanitize=fuzzer $(CPPFLAGS_ALL) $(CFLAGS) -MD -MP -MF $@.d \
	    -o $@ $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS)

# An interpreter with AddressSanitizer inside: with LD_PRELOAD every child (nginx, a shell) would run under it too.
build/asan-$(LUA_NAME)/lua: spec/tools/asan_lua.c | lua-headers
	@mkdir -p $(@D)
	$(call say,CC asan $<)$(CC) $(COMMON) $(SANITIZE) $(WARNINGS) $(WERROR) $(LUA_CFLAGS) -o $@ $< -Wl,-E \
	    $(LDFLAGS) $(LUA_LINK) -lm -ldl

# The module in a program whose n-th allocation fails (make build/…/no_memory); memory.h's functions go through it.
NO_MEMORY = $(COMMON) $(TEST_WARNINGS) $(WERROR) $(LUA_CFLAGS) $(CURL_CFLAGS) $(CPPFLAGS_ALL) $(CFLAGS) -o $@ \
            $(filter %.c %.o,$^) -Wl,-E -Wl,--wrap=bi_alloc,--wrap=bi_realloc,--wrap=bi_copy $(LDFLAGS) $(LUA_LINK) $(LIBS) -lm -ldl
LUA_LINK  = $(or $(LUA_LIBS),$(shell $(PKG_CONFIG) --libs $(LUA_NAME) 2>/dev/null || echo -l$(LUA_NAME)))
build/$(LUA_NAME)/no_memory: spec/tools/no_memory.c $(addprefix build/obj/plain/,$(CORE) $(ENGINE)) \
                             $(addprefix build/obj/$(LUA_NAME)/,$(BINDING)) | lua-headers
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) -O1 $(NO_MEMORY)
build/asan-$(LUA_NAME)/no_memory: spec/tools/no_memory.c $(addprefix build/obj/asan/,$(CORE) $(ENGINE)) \
                                  $(addprefix build/obj/asan-$(LUA_NAME)/,$(BINDING)) | lua-headers
	@mkdir -p $(@D)
	$(call say,CC asan $<)$(CC) $(SANITIZE) $(NO_MEMORY)

# A disk that fails when it is told to, preloaded by spec/store_file_spec.lua.
build/bad_disk.so: spec/tools/bad_disk.c
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(COMMON) -fvisibility=default $(TEST_WARNINGS) $(WERROR) -shared -D_GNU_SOURCE -o $@ $< -ldl

.PHONY: unit-asan unit-plain fuzz-targets asan objects # internal
unit-asan:    $(addprefix build/asan$(FLAVOUR)/unit/,$(UNIT_TESTS))
unit-plain:   $(addprefix build/plain$(FLAVOUR)/unit/,$(UNIT_TESTS))
fuzz-targets: $(addprefix build/fuzz$(FLAVOUR)/targets/,$(FUZZ_TARGETS))
asan:         $(ASAN_MODULE) build/asan-$(LUA_NAME)/lua
objects:      $(patsubst src/%.c,build/obj/plain/%.o,$(wildcard src/core/*.c src/engine/*.c)) \
              $(addprefix build/obj/$(LUA_NAME)/,$(BINDING)) # both pollers too

# The script calls make back for what it needs built.
CHECK = CHECK_LUA='$(LUA_NAME)' POLLER='$(POLLER)' CLANG_FORMAT='$(CLANG_FORMAT)' TIME='$(TIME)' bash spec/tools/check

##@ Test
.PHONY: test test-full unit spec luas lint firewall fuzz analyze
test: ## runs what fits in ten minutes on two cores; ends with "N passed, N failed"
	@sh spec/tools/deps test
	@$(CHECK) unit lint firewall spec luas poll compile

test-full: ## runs make test, then all faults, the soak, valgrind, ASan, failing allocations, the analyzers, the fuzz targets
	@sh spec/tools/deps full
	@$(CHECK) unit lint firewall spec luas poll compile faults soak valgrind asan memory analyze fuzz

unit: ## runs the C unit tests under ASan and UBSan
	@$(CHECK) unit

luas: ## runs the public specs on the other Luas
	@$(CHECK) luas

spec: ## runs the busted specs (make spec SPEC=spec/json_spec.lua for some of them)
	@$(CHECK) spec

lint: ## runs luacheck, clang-format, shellcheck, and looks whether this list is complete
	@$(CHECK) lint

firewall: ## checks the layers' includes and symbols
	@$(CHECK) firewall

analyze: ## runs clang-tidy, cppcheck, gcc -fanalyzer
	@$(CHECK) analyze

fuzz: ## runs each fuzz target for TIME seconds (default 60)
	@$(CHECK) fuzz

.PHONY: model
model: build/asan$(FLAVOUR)/unit/model_test ## runs the randomized model of tokens: N=100000 histories, or SEED= replayed
	@MODEL_N='$(or $(N),100000)' MODEL_SEED='$(SEED)' $<

.PHONY: faults soak
faults: ## runs the fault matrix, every cell of it
	@BETTER_I18N_FULL=1 $(CHECK) faults

soak: $(MODULE) ## makes N=1000000 calls with 1 % faults and tokens that expire: nothing is lost, nothing grows
	@sh spec/tools/deps test
	@eval "$$($(MAKE) -s env LUA=$(LUA_NAME))" && LUA_PATH="$(CURDIR)/?.lua;$$LUA_PATH" \
	    BETTER_I18N_LUA=$(LUA_NAME) $(LUA_NAME) spec/soak.lua '$(or $(N),1000000)'

.PHONY: format
format: ## rewrites the C sources in the project's style
	$(CLANG_FORMAT) -i $(wildcard src/*/*.[ch] spec/unit/*.[ch] spec/fuzz/*.[ch] spec/tools/*.c bench/*.c)

# --- Use ---------------------------------------------------------------------------------------------------------

##@ Build and use
.PHONY: env
env: ## prints the export lines with which LUA uses the build in place: eval "$(make env)"
	@echo "export LUA_PATH='$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;'"
	@echo "export LUA_CPATH='$(CURDIR)/build/$(LUA_NAME)$(FLAVOUR)/?.so;;'"
	@test -f $(MODULE) || echo 'The module for $(LUA_NAME) is not built yet: make LUA=$(LUA_NAME)' >&2

LUA_FILES := $(patsubst lua/%,%,$(shell find lua -name '*.lua' 2>/dev/null))

.PHONY: install uninstall
install: $(MODULE) ## installs under PREFIX (default /usr/local), staged under DESTDIR
	@mkdir -p '$(DESTDIR)$(INST_LIBDIR)/better_i18n'
	install -m 755 $(MODULE) '$(DESTDIR)$(INST_LIBDIR)/better_i18n/core.so'
	@for file in $(LUA_FILES); do \
	    mkdir -p "$(DESTDIR)$(INST_LUADIR)/$$(dirname "$$file")" && \
	    install -m 644 "lua/$$file" "$(DESTDIR)$(INST_LUADIR)/$$file" || exit 1; \
	done
ifeq ($(filter /usr /usr/local,$(PREFIX)),)
	@echo "Not where Lua looks by itself: tell it with"
	@echo "export LUA_PATH='$(INST_LUADIR)/?.lua;$(INST_LUADIR)/?/init.lua;;'"
	@echo "export LUA_CPATH='$(INST_LIBDIR)/?.so;;'"
endif

uninstall: ## removes what install put there
	rm -rf '$(DESTDIR)$(INST_LIBDIR)/better_i18n' '$(DESTDIR)$(INST_LUADIR)/better_i18n'
	@for folder in '$(DESTDIR)$(INST_LIBDIR)' '$(DESTDIR)$(INST_LUADIR)'; do \
	    while case "$$folder" in '$(DESTDIR)$(PREFIX)'/*) rmdir "$$folder" 2>/dev/null ;; *) false ;; esac; do \
	        folder=$$(dirname "$$folder"); \
	    done; \
	done

.PHONY: deps demo sandbox
deps: ## installs the Debian packages that a build and the demo need
	@sh spec/tools/deps demo

demo: ## builds, starts the sandbox, runs the example program against it
	@sh spec/tools/deps demo
	@bash spec/tools/demo

sandbox: ## starts the sandbox, prints its URLs and credentials, runs until Ctrl-C
	@sh spec/tools/deps demo
	@sandbox/sandbox run

.PHONY: bench
bench: ## the table of measurements, see bench/README.md (ROWS='small list' for some of them, QUICK=1 to try it)
	@sh spec/tools/deps bench
	@$(MAKE) --no-print-directory LUA=5.4
	@$(MAKE) --no-print-directory LUA=luajit
	@ROWS='$(ROWS)' QUICK='$(QUICK)' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' bench/table

.PHONY: clean help FORCE
clean: ## removes everything that was built
	rm -rf build

help: ## prints this list
	@awk '/^##@ / { group = substr($$0, 5); if (!(group in lines)) order[++count] = group } \
	    /^[a-z][a-z-]*:.*## / { name = $$1; sub(/:.*/, "", name); sub(/.*## /, ""); \
	        lines[group] = lines[group] sprintf("  make %-10s %s\n", name, $$0) } \
	    END { for (i = 1; i <= count; i++) printf "%s\n%s", order[i], lines[order[i]]; print "Settings" }' Makefile
	@echo '  LUA=5.1|5.2|5.3|5.4|5.5|luajit   V=1 shows the commands   WERROR= turns -Werror off   POLLER=epoll|poll'

-include $(wildcard build/obj/*/*/*.d build/*/unit/*.d build/*/targets/*.d)
