# offsim: build, test, demo. `make help` lists the targets.

# ---- settings -------------------------------------------------------------------------------------------------------
ifeq ($(origin CC),default)
CC       := gcc
endif
OPT      ?= -O3
BUILD    ?= build
PREFIX   ?= /usr/local
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)
VERSION  := $(shell cat VERSION)
GIT_ID   := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
WERROR   ?=
SANITIZE ?=
ifndef NVCC
NVCC     := $(firstword $(wildcard $(CUDA_HOME)/bin/nvcc) $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
endif

# Link-time optimisation where it is known to work: gcc, optimising, no sanitizer. Fat objects, so that nm and tests see
# ordinary ones too. Worth 7 % of request_ns; LTO= turns it off.
ifeq ($(SANITIZE)$(filter -O0 -O1,$(OPT)),)
ifeq ($(findstring clang,$(CC)),)
LTO ?= -flto=auto -ffat-lto-objects
AR  := gcc-ar
endif
endif

WARN   = -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion -Wno-unused-parameter $(WERROR)
CFLAGS = -std=c11 -g $(OPT) $(LTO) $(WARN) -ffp-contract=off -fvisibility=hidden -fno-math-errno -ffile-prefix-map=$(CURDIR)=. \
         -D_GNU_SOURCE -I. $(CONFIG_CFLAGS) $(SANITIZE)
LDLIBS = $(CONFIG_LIBS) -lm -ldl
LDFLAGS = $(SANITIZE) $(LTO) $(if $(LTO),$(OPT))
# `offsim bench` counts the memory blocks that the program's own code asks for.
COUNT_MALLOCS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc

# `make V=1` shows the commands.
ifeq ($(V),1)
say =
else
say = @printf '  %s\n' $@;
endif
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif

# ---- one call on a bare machine: the configuration installs what is missing, then make starts again ------------------
NEEDS_NOTHING := help clean deps deps-check uninstall check check-long calibrate-only
ifneq ($(filter-out $(NEEDS_NOTHING),$(or $(MAKECMDGOALS),all)),)
-include $(BUILD)/config.mk
$(BUILD)/config.mk: tools/config tools/deps
	@tools/deps build
	@mkdir -p $(BUILD) && tools/config > $@.tmp && mv $@.tmp $@
endif

# ---- sources --------------------------------------------------------------------------------------------------------
ROOMS    := sim models scenarios experiments experiments/calibrate experiments/conformance experiments/validate analysis analysis/store
SOURCES  := $(sort $(foreach r,$(ROOMS),$(wildcard $(r)/*.c)))
POLICIES := $(sort $(wildcard policies/*.c))
MAIN     := experiments/main.c
LIBRARY  := $(filter-out $(MAIN),$(SOURCES))
OBJECTS  := $(LIBRARY:%.c=$(BUILD)/%.o)
BUILTIN  := $(POLICIES:policies/%.c=$(BUILD)/policies/%.o)
PLUGINS  := $(POLICIES:policies/%.c=$(BUILD)/policies/%.so)
PLANTED  := $(patsubst tests/abi/%.c,$(BUILD)/planted/%.so,$(sort $(wildcard tests/abi/*.c)))
PLANTED  += $(BUILD)/planted/frozen_1_0.so $(BUILD)/planted/later.so
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/*.c))) $(BUILD)/tests/policy_abi_later

.DEFAULT_GOAL := all
.PHONY: FORCE all docs help demo check check-long bench asan ubsan install uninstall deps deps-check clean units test-programs leaks calibrate-only cuda
.SECONDARY:
all: $(BUILD)/offsim $(BUILD)/offsim-kernels $(PLUGINS) $(if $(SANITIZE),,$(if $(NVCC),$(BUILD)/offsim-kernels-cuda)) ## build the programs and the policies as plug-ins

$(BUILD)/%.o: %.c | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
# What the program says of itself follows the tree, also where nothing else was compiled anew.
$(BUILD)/git-id: FORCE
	@mkdir -p $(@D); echo '$(VERSION) $(GIT_ID) $(OPT) $(PREFIX)' | cmp -s - $@ || echo '$(VERSION) $(GIT_ID) $(OPT) $(PREFIX)' > $@
FORCE:
$(BUILD)/experiments/version.o: $(BUILD)/git-id
$(BUILD)/experiments/version.o: CFLAGS += -DOFFSIM_VERSION='"$(VERSION)"' -DOFFSIM_GIT='"$(GIT_ID)"' -DOFFSIM_FLAGS='"$(OPT)"' -DOFFSIM_PREFIX='"$(PREFIX)"'

$(BUILD)/models/policy_host.o: CFLAGS += -DOFFSIM_PREFIX='"$(PREFIX)"'

# A policy is one file with one entry point: built in under its own name, and as a plug-in under the common one.
$(BUILD)/policies/%.o: policies/%.c | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) -Doffsim_policy_entry=offsim_builtin_$* -MMD -MP -c -o $@ $<
$(BUILD)/policies/%.so: policies/%.c | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) -fPIC -shared -MMD -MP -MF $(@:.so=.so.d) -o $@ $< -lm
# The table of built-in policies is made from the list of files.
$(BUILD)/policies/builtins.c: $(POLICIES) Makefile | $(BUILD)/config.mk
	@mkdir -p $(@D)
	@{ echo '/* made by the Makefile from policies/ */'; echo '#include "policies/offsim_policy.h"'; \
	   for p in $(basename $(notdir $(POLICIES))); do echo "const struct offsim_policy *offsim_builtin_$$p(void);"; done; \
	   echo 'offsim_policy_entry_fn *const offsim_builtins[] = {'; \
	   for p in $(basename $(notdir $(POLICIES))); do echo "  offsim_builtin_$$p,"; done; echo '  0};'; \
	   echo 'const char *const offsim_builtin_names[] = {'; \
	   for p in $(basename $(notdir $(POLICIES))); do echo "  \"$$p\","; done; echo '  0};'; } > $@
$(BUILD)/policies/builtins.o: $(BUILD)/policies/builtins.c
	$(say)$(CC) $(CFLAGS) -c -o $@ $<

BUILTINS := $(BUILD)/policies/builtins.o
$(BUILD)/liboffsim.a: $(OBJECTS) $(BUILTIN) $(BUILTINS)
	@rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/offsim: $(BUILD)/experiments/main.o $(BUILD)/liboffsim.a
	$(say)$(CC) $(LDFLAGS) $(COUNT_MALLOCS) -o $@ $(BUILD)/experiments/main.o -Wl,--whole-archive $(BUILD)/liboffsim.a -Wl,--no-whole-archive $(LDLIBS)

# ---- the kernels: a program of its own, with libraries that the main program does without -----------------------------
# It needs nothing of the configuration above: `make calibrate-only` builds it on a board that has only a compiler,
# OpenBLAS and OpenSSL.
KERNELS  := $(sort $(wildcard experiments/kernels/*.c))
KERNEL_O := $(patsubst %.c,$(BUILD)/%.o,$(filter-out experiments/kernels/main.c,$(KERNELS)))
KERNEL_CFLAGS = -std=c11 -g $(OPT) $(WARN) -ffp-contract=off -fvisibility=hidden -ffile-prefix-map=$(CURDIR)=. -D_GNU_SOURCE -I. $(SANITIZE)
$(BUILD)/kernels.flags: tools/kernel-config
	@mkdir -p $(@D) && tools/kernel-config '$(CC)' > $@.tmp && mv $@.tmp $@
$(BUILD)/experiments/kernels/%.o: experiments/kernels/%.c $(BUILD)/kernels.flags
	@mkdir -p $(@D)
	$(say). $(BUILD)/kernels.flags; $(CC) $(KERNEL_CFLAGS) $$KERNEL_FLAGS -MMD -MP -c -o $@ $<
$(BUILD)/experiments/kernels/main.o $(BUILD)/experiments/kernels/machine.o: VERSION
$(BUILD)/experiments/kernels/main.o $(BUILD)/experiments/kernels/measure.o: KERNEL_CFLAGS += -DOFFSIM_VERSION='"$(VERSION)"'
$(BUILD)/experiments/kernels/machine.o: KERNEL_CFLAGS += -DKERNELS_FLAGS='"$(OPT)"'
$(BUILD)/offsim-kernels: $(BUILD)/experiments/kernels/main.o $(KERNEL_O)
	$(say). $(BUILD)/kernels.flags; $(CC) $(SANITIZE) -o $@ $^ $$KERNEL_LIBS
# The same on a CUDA device, where nvcc is found; nothing needs it. PTX for any card from 2018 on, compiled as it is loaded.
NVCCFLAGS ?= -gencode arch=compute_75,code=compute_75
CUDA_LIB   = $(firstword $(wildcard $(dir $(NVCC))../lib64/libcudart_static.a $(dir $(NVCC))../targets/*/lib/libcudart_static.a))
CUDA_C    := $(sort $(wildcard experiments/kernels/cuda/*.c))
CUDA_CU   := $(sort $(wildcard experiments/kernels/cuda/*.cu))
CUDA_O    := $(CUDA_C:%.c=$(BUILD)/%.o) $(CUDA_CU:%.cu=$(BUILD)/%.o)
$(BUILD)/experiments/kernels/cuda/main.o: KERNEL_CFLAGS += -DOFFSIM_VERSION='"$(VERSION)"'
$(BUILD)/%.o: %.cu experiments/kernels/cuda/device.cuh experiments/kernels/cuda/cuda.h
	@mkdir -p $(@D)
	$(say)$(NVCC) -std=c++17 -O3 -I. $(NVCCFLAGS) $(if $(WERROR),-Werror all-warnings) -Xcompiler -Wall,-Wextra -c -o $@ $<
# From the archive come the commands and the method; what this folder defines itself, the kernels and the sensor, is not taken.
$(BUILD)/offsim-kernels-cuda: $(CUDA_O) $(BUILD)/libkernels.a
	$(say). $(BUILD)/kernels.flags; $(CC) $(SANITIZE) -o $@ $^ $(CUDA_LIB) $$KERNEL_LIBS -lstdc++ -ldl -lrt
cuda: $(if $(NVCC),$(BUILD)/offsim-kernels-cuda) ## the kernels on a CUDA device, where nvcc is found (`make` does it as well)
	@$(if $(NVCC),:,echo 'nvcc was not found (PATH, $$CUDA_HOME/bin, /usr/local/cuda/bin): no offsim-kernels-cuda')
calibrate-only: $(BUILD)/offsim-kernels ## build only the program that times kernels, for a board

# ---- tests ----------------------------------------------------------------------------------------------------------
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/liboffsim.a
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(BUILD)/liboffsim.a -lcmocka $(LDLIBS)
# Tests of kernels and of what times them.
$(BUILD)/libkernels.a: $(KERNEL_O)
	@rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/tests/kernel_%: tests/unit/kernel_%.c $(BUILD)/libkernels.a $(BUILD)/liboffsim.a
	@mkdir -p $(@D)
	$(say). $(BUILD)/kernels.flags; $(CC) $(CFLAGS) $$KERNEL_FLAGS -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(BUILD)/libkernels.a \
	  $(BUILD)/liboffsim.a -lcmocka $$KERNEL_LIBS $(LDLIBS)
# The same program with kernels that fail, and what runs it without some permissions (tests/fault/kernels.sh).
$(BUILD)/tests/kernels/%.o: tests/kernels/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/planted/offsim-kernels: $(BUILD)/tests/kernels/planted.o $(BUILD)/experiments/kernels/main.o \
                                 $(filter-out %/kernel_list.o,$(KERNEL_O))
	@mkdir -p $(@D)
	$(say). $(BUILD)/kernels.flags; $(CC) $(SANITIZE) -o $@ $^ $$KERNEL_LIBS
$(BUILD)/planted/deny: $(BUILD)/tests/kernels/deny.o
	@mkdir -p $(@D)
	$(say)$(CC) $(SANITIZE) -o $@ $^
# Plug-ins with planted mistakes, which the policy host must find.
$(BUILD)/planted/%.so: tests/abi/%.c tests/abi/hostile.h policies/offsim_policy.h policies/policy_util.h | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) -fPIC -shared -o $@ $< -lm
$(BUILD)/planted/fast_math.so $(BUILD)/planted/hostile_fast_math.so: CFLAGS += -ffast-math
# The boundary in time: a policy compiled for 1.0 once and for all; a header, a policy and a host of a later minor version,
# whose structs have grown at their ends.
$(BUILD)/planted/frozen_1_0.so: tests/abi/frozen/frozen-1.0-x86_64.b64 | $(BUILD)/config.mk
	@mkdir -p $(@D)
	@base64 -d $< > $@
GROWN := policy|feature|parameter|setup|context|decision|outcome|stream|control
$(BUILD)/later/policies/offsim_policy.h: policies/offsim_policy.h Makefile | $(BUILD)/config.mk
	@mkdir -p $(@D)
	@awk '/^struct offsim_($(GROWN)) \{/ { grows = 1 } /^};/ && grows { print "  double later[3];"; grows = 0 } { print }' $< \
	  | sed 's/OFFSIM_ABI_MINOR 0u/OFFSIM_ABI_MINOR 1u/' > $@
$(BUILD)/planted/later.so: tests/abi/strict.c $(BUILD)/later/policies/offsim_policy.h
	@mkdir -p $(@D)
	$(say)$(CC) -I$(BUILD)/later $(CFLAGS) -fPIC -shared -o $@ $< -lm
HOST := $(sort $(wildcard models/policy_*.c))
$(BUILD)/tests/policy_abi_later: tests/unit/policy_abi.c $(HOST) $(BUILD)/later/policies/offsim_policy.h $(BUILD)/liboffsim.a
	@mkdir -p $(@D)
	$(say)$(CC) -I$(BUILD)/later $(CFLAGS) -Wno-missing-field-initializers -DLATER_HOST $(LDFLAGS) -o $@ $< $(HOST) $(BUILD)/liboffsim.a -lcmocka $(LDLIBS)
$(filter $(BUILD)/tests/policy_% $(BUILD)/tests/world_life,$(UNITS)): | $(PLANTED) $(PLUGINS)
# Simulators with one function replaced, which let private data go where they may not; tests/property/zones.py finds them.
LEAKS := relay hedge telemetry kind
leak_relay := route
leak_hedge := plan_mask -Wl,--wrap=check_masked
leak_telemetry := learner_in_reach
leak_kind := exposure_zones -Wl,--wrap=exposure_zones_made
$(BUILD)/leaks/%: tests/property/leaks/%.c $(BUILD)/experiments/main.o $(BUILD)/liboffsim.a
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) -Wno-missing-prototypes -fno-lto -Wl,--wrap=$(leak_$*) $(COUNT_MALLOCS) -o $@ $< $(BUILD)/experiments/main.o \
	  -Wl,--whole-archive $(BUILD)/liboffsim.a -Wl,--no-whole-archive $(LDLIBS)
# One that tells what the network was, and the same with a fault each; tests/property/laws.py listens to them.
WITNESSES := true order meter lost joule cent
SEEN := world_new world_run world_free process_new process_rate process_available process_latency_s process_losses \
        network_latency_s attachment route
fault_order := -DFAULT_ORDER
fault_meter := -DFAULT_METER
fault_lost  := -DFAULT_LOST -Wl,--wrap=network_send
fault_joule := -DFAULT_JOULE
fault_cent  := -DFAULT_CENT
$(WITNESSES:%=$(BUILD)/laws/%): $(BUILD)/laws/%: tests/property/laws/witness.c $(BUILD)/experiments/main.o $(BUILD)/liboffsim.a
	@mkdir -p $(@D)
	$(say)$(CC) $(CFLAGS) $(fault_$*) -fno-lto $(SEEN:%=-Wl,--wrap=%) $(COUNT_MALLOCS) -o $@ $< $(BUILD)/experiments/main.o \
	  -Wl,--whole-archive $(BUILD)/liboffsim.a -Wl,--no-whole-archive $(LDLIBS)
leaks: $(LEAKS:%=$(BUILD)/leaks/%) $(WITNESSES:%=$(BUILD)/laws/%) $(BUILD)/planted/offsim-kernels $(BUILD)/planted/deny ## faulty simulators for the tests
units: $(UNITS) ## build and run the unit tests, as built
	@for t in $(UNITS); do echo "== $$t"; $$t || exit 1; done
# By clang where there is one: then the same program shows that hashes do not depend on the compiler (differential/hashes.sh).
# Its warnings beyond gcc's are not asked for, nor its view of null + 0, which loops over empty arrays write.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ASAN_CC    := $(or $(shell command -v clang),$(CC))
asan ubsan: ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) BUILD=$(BUILD)/asan CC='$(ASAN_CC)' OPT=-O1 test-programs WERROR='$(WERROR) $(if $(findstring clang,$(ASAN_CC)),$(PLAIN_CLANG))' \
	  SANITIZE='$(SANITIZERS) $(if $(findstring clang,$(ASAN_CC)),-fno-sanitize=pointer-overflow)'
PLAIN_CLANG := -Wno-string-conversion -Wno-float-conversion -Wno-missing-field-initializers
test-programs: all $(UNITS)

# Everything that a change must pass, in under 10 minutes on 2 cores; check-long: the sizes that the issues state. check has
# a build of its own, without link-time optimisation: nothing there is timed, and it is made in half the time.
CHECKED := $(BUILD)/check
check: ## install what tests need, build with -Werror, run all tests
	@tools/deps check
	@$(MAKE) BUILD=$(CHECKED) LTO= WERROR=-Werror all leaks
	@$(MAKE) BUILD=$(CHECKED) WERROR=-Werror asan
	@tests/run $(CHECKED)
check-long: ## the same at full size; the result goes to tests/RESULTS.md
	@tools/deps check
	@$(MAKE) all leaks asan
	@tests/run $(BUILD) long
bench: all ## the performance bars
	@$(BUILD)/offsim bench

demo: all ## the main job: flagship scenario, policies compared, report written
	@tools/demo $(BUILD)

# ---- installation ---------------------------------------------------------------------------------------------------
install: all ## install under PREFIX (/usr/local); DESTDIR is honoured
	@tools/install $(BUILD) "$(DESTDIR)$(PREFIX)" "$(PREFIX)" $(VERSION)
uninstall: ## remove what install put there
	@tools/install --remove "$(DESTDIR)$(PREFIX)"

deps: ## install what the build needs (Debian 12)
	@tools/deps build
deps-check: ## install what only the tests need
	@tools/deps check
docs: $(BUILD)/offsim ## write docs/scenario.md from the schema
	$(BUILD)/offsim describe --markdown > docs/scenario.md.tmp && mv docs/scenario.md.tmp docs/scenario.md
clean: ## remove what was built
	rm -rf $(BUILD)
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

-include $(OBJECTS:.o=.d) $(KERNEL_O:.o=.d) $(CUDA_C:%.c=$(BUILD)/%.d) $(BUILD)/experiments/kernels/main.d $(BUILTIN:.o=.d) $(PLUGINS:.so=.so.d) $(BUILD)/experiments/main.d $(UNITS:=.d)
