# SPDX-License-Identifier: MIT
#
# Everything that is made lies under build/. `make help` lists the targets.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

top := $(CURDIR)
BUILD ?= build
# An absolute path whether BUILD was given as one or not.
override BUILD := $(abspath $(BUILD))
export BUILD

KERNEL ?= 6.1
PREFIX ?= /usr
DESTDIR ?=

# ARCH=arm64 and no word of a kernel or compiler of one's own: Debian's cross compiler,
# kernel and libraries, as scripts/deps --set arm64 brings them in for scripts/vm.
ifeq ($(ARCH):$(strip $(KDIR)$(KERNELDIR)$(KERNEL_SRC)$(CROSS_COMPILE)),arm64:)
debian_arm64 := y
override CROSS_COMPILE := aarch64-linux-gnu-
ifeq ($(filter 6.1 flash,$(KERNEL)),)
$(error ARCH=arm64 has KERNEL=6.1 and KERNEL=flash, not $(KERNEL))
endif
deps_args := --no-kernel --set arm64
else
deps_args := $(if $(filter 6.1 6.12 5.10,$(KERNEL)),--kernel $(KERNEL))
endif

# --- kernel modules ---------------------------------------------------------

# Yocto says KERNEL_SRC, others KERNELDIR; all three mean the same.
KDIR ?= $(or $(KERNELDIR),$(KERNEL_SRC))

ifeq ($(strip $(KDIR)),)
kname := $(KERNEL)
kdir := $(BUILD)/deb/$(KERNEL)/kdir
ifeq ($(KERNEL),debug)
kdir := $(BUILD)/deb/debug/kdir
endif
deps_for_modules := deps
ifneq ($(debian_arm64),)
kname := $(KERNEL)-arm64
kdir := $(BUILD)/deb/$(kname)/kdir
endif
else
kname := target
kdir := $(KDIR)
deps_for_modules :=
endif

# Kernel sources are copied before they are built, once for each kernel, so
# that builds for several kernels do not meet in one tree.
ksrc := $(BUILD)/$(kname)/src
kbuild_args := M=$(ksrc)
ifneq ($(O),)
kbuild_args += O=$(O)
endif
ifneq ($(ARCH),)
kbuild_args += ARCH=$(ARCH)
endif
ifneq ($(CROSS_COMPILE),)
kbuild_args += CROSS_COMPILE=$(CROSS_COMPILE)
endif
ifeq ($(origin CC),command line)
kbuild_args += CC="$(CC)"
else ifeq ($(KERNEL),5.10)
# its headers name gcc-10, which bookworm does not have
kbuild_args += CC=gcc-12
endif
W ?= 1
C ?= 0
kbuild_args += W=$(W) C=$(C)

# --- programs ---------------------------------------------------------------

CROSS_COMPILE ?=
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS_COMPILE)ar
endif
ifneq ($(debian_arm64),)
# The libraries' packages are unpacked apart from the C library's, which is the
# cross compiler's; what a library itself needs lies beside it.
guest := $(BUILD)/deb/arm64/root
guest_lib := $(guest)/usr/lib/aarch64-linux-gnu
PKG_CONFIG := env PKG_CONFIG_SYSROOT_DIR=$(guest) \
	PKG_CONFIG_LIBDIR=$(guest_lib)/pkgconfig:$(guest)/usr/share/pkgconfig pkg-config
guest_libs := -Wl,-rpath-link,$(guest_lib)
endif
PKG_CONFIG ?= $(CROSS_COMPILE)pkg-config
# The loader holds CAP_SYS_MODULE and the front reads what anybody sends.
CFLAGS ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
LDFLAGS ?= -Wl,-z,relro,-z,now
std_cflags := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra -Wshadow
std_cflags += -I$(top)/include/uapi -I$(top)/include -I$(top)/user/lib
dep_flags = -MMD -MP

# SECCOMP=0: for a target without libseccomp; pvkitd says so when it starts.
SECCOMP ?= 1
lib_pkgs := libmnl
daemon_pkgs := libmnl libkmod libevent
ifneq ($(SECCOMP),0)
daemon_pkgs += libseccomp
std_cflags += -DPVKIT_SECCOMP
endif
# libkmod's functions are brought in by dlopen(), its header here
cli_pkgs := libmnl liblzma
cli_headers := libkmod
# UBOOTENV=0: for a target without libubootenv; the U-Boot environment is then no source.
UBOOTENV ?= 1
ifneq ($(UBOOTENV),0)
cli_pkgs += libubootenv
lib_pkgs += libubootenv
std_cflags += -DPVKIT_UBOOTENV
endif
# Tests link with all that the library and the daemon have.
unit_pkgs := $(sort $(daemon_pkgs) $(cli_pkgs))

pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(guest_libs) $(shell $(PKG_CONFIG) --libs $(1))

# A directory for each compiler, so that cross and host builds do not mix.
cdir := $(BUILD)/$(or $(patsubst %-,%,$(notdir $(CROSS_COMPILE))),host)
tdir := $(BUILD)
ifneq ($(debian_arm64),)
cdir := $(BUILD)/arm64
tdir := $(cdir)
endif

lib_src := $(sort $(wildcard user/lib/*.c))
daemon_src := $(sort $(wildcard user/daemon/*.c))
# What pvkit and pvkit-update both know of an update.
cli_src := $(sort $(wildcard user/cli/*.c)) user/update/plan.c

lib_obj := $(lib_src:%.c=$(cdir)/%.o)
daemon_obj := $(daemon_src:%.c=$(cdir)/%.o)
cli_obj := $(cli_src:%.c=$(cdir)/%.o)

libpvkit := $(cdir)/libpvkit.a
programs := $(if $(daemon_src),$(cdir)/pvkitd) $(if $(cli_src),$(cdir)/pvkit) $(cdir)/pvkit-init \
	    $(cdir)/pvkit-update

# The boot stage: one static program of few files, with musl where there is one for the
# target. INIT_CC= says otherwise. What a file of the library has that it does not call,
# the linker leaves out.
init_src := $(sort $(wildcard user/init/*.c)) $(addprefix user/lib/,keep_file.c keep_restore.c tree.c bootflag_names.c cmdline.c \
	    confline.c flagconf.c flags.c flagsource.c flagsource_others.c gpioline.c mtdparts.c partition.c \
	    ubootcopy.c ubootfield.c unionlevel.c util.c)
init_dir := $(cdir)/init
ifneq ($(debian_arm64),)
# The cross compiler, told of a musl that lies with the libraries.
musl_specs := $(init_dir)/musl.specs
musl_gcc := $(CROSS_COMPILE)gcc -specs=$(musl_specs)
else ifeq ($(strip $(CROSS_COMPILE)),)
musl_gcc := $(shell command -v musl-gcc 2>/dev/null)
endif
INIT_CC ?= $(or $(musl_gcc),$(CC))
init_musl := $(and $(musl_gcc),$(findstring $(musl_gcc),$(INIT_CC)))
init_obj := $(init_src:%.c=$(init_dir)/%.o)
# What writes when the old system is gone: alike, and of the boot stage what it needs.
update_src := $(sort $(wildcard user/update/*.c) $(filter-out user/init/main.c,$(init_src)) \
	      $(wildcard user/lib/holders*.c) $(addprefix user/lib/,gate.c mountinfo.c owned.c sha256.c sysattr.c \
	      ubootwrite.c updateconf.c) $(wildcard user/lib/target*.c))
update_obj := $(update_src:%.c=$(init_dir)/%.o)
# The kernel's headers are not among musl's.
init_headers := $(if $(init_musl),$(init_dir)/include/mtd $(musl_specs))
# It has no library but C's to agree with on times, which go on after 2038 on 32 bits too.
init_cflags := $(std_cflags) -D_TIME_BITS=64 -Os -g -fno-pie -ffunction-sections -fdata-sections \
	       -fno-asynchronous-unwind-tables -fno-unwind-tables -fstack-protector-strong \
	       $(if $(init_musl),-I$(init_dir)/include)
# No relro: what becomes read-only begins on a page, which may have 64 KiB on arm64, and is
# next to nothing in a program at fixed addresses that binds no symbol when it runs.
init_ldflags := -static -no-pie -Wl,--gc-sections -Wl,-z,norelro

# --- tests that are programs ------------------------------------------------

san_cflags := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	      -fno-omit-frame-pointer -DPVKIT_SANITIZED
unit_src := $(sort $(wildcard tests/unit/*.c))
unit_bin := $(unit_src:%.c=$(BUILD)/%)
# The library, the daemon, the boot stage and the update without their main().
unit_obj := $(patsubst %.c,$(BUILD)/unit-obj/%.o,$(lib_src) \
	      $(filter-out user/daemon/main.c,$(daemon_src)) \
	      $(filter-out user/init/main.c,$(wildcard user/init/*.c)) \
	      $(filter-out user/update/main.c,$(wildcard user/update/*.c)))
unit_lib := $(BUILD)/unit-obj/libunit.a
# pvkit with the same sanitizers, for the scripts among the tests.
unit_cli := $(BUILD)/unit-obj/pvkit

# A fuzz target NAME is tests/fuzz/NAME_fuzz.c: linked with libFuzzer for `make fuzz`,
# and into tests/unit/seeds_test, where its entry is fuzz_NAME.
fuzz_src := $(sort $(wildcard tests/fuzz/*_fuzz.c))
fuzz_names := $(patsubst tests/fuzz/%_fuzz.c,%,$(fuzz_src))
fuzz_unit_obj := $(fuzz_src:%.c=$(BUILD)/unit-obj/%.o)
fuzz_obj := $(unit_obj:$(BUILD)/unit-obj/%=$(BUILD)/fuzz-obj/%)
fuzz_lib := $(BUILD)/fuzz-obj/libfuzzed.a
fuzz_bin := $(fuzz_names:%=$(BUILD)/fuzz/bin/%)
FUZZ ?= $(fuzz_names)
FUZZ_SECONDS ?= 600
FUZZ_CC ?= clang

selftest_src := $(sort $(wildcard tests/selftests/*/*.c))
selftest_bin := $(selftest_src:%.c=$(tdir)/%)
bench_src := $(sort $(wildcard tests/bench/*.c))
bench_bin := $(bench_src:%.c=$(tdir)/%)

.PHONY: all deps modules test-modules modules_install modules_clean programs install unit docs \
	install-docs \
	selftests bench-programs everything check check-debug check-cuts check-soak check-runtimes check-arm64 check-config bench \
	fuzz fuzz-programs demo demo-update lint generate clean distclean help

all: modules programs

help:
	@echo 'modules          build the kernel modules (KERNEL=6.1|6.12|5.10 or KDIR=path)'
	@echo 'modules_install  install them (INSTALL_MOD_PATH=path)'
	@echo 'programs         build pvkitd, pvkit, pvkit-init and pvkit-update (CROSS_COMPILE=, CC=,'
	@echo '                 INIT_CC=)'
	@echo 'everything       modules, programs, tests: what scripts/vm puts into the machine'
	@echo '                 (ARCH=arm64: with what Debian has, for scripts/vm --arch arm64)'
	@echo 'docs             man pages and shell completion (HOSTCC=)'
	@echo 'install          install programs, docs and what starts them (DESTDIR=, PREFIX=,'
	@echo '                 mandir=, bashcompletiondir=, zshcompletiondir=, UNITDIR=,'
	@echo '                 SYSUSERSDIR=, MODULESLOADDIR=, INITDIR=, PROCDDIR=,'
	@echo '                 EXAMPLESDIR=)'
	@echo 'demo             see it work, in a virtual machine'
	@echo 'demo-update      see a running system rewrite the partition that it runs from'
	@echo 'check            all tests (TESTS=group, KERNEL=version, ARCH=arm64)'
	@echo 'check-debug      driver selftests on a kernel with KASAN, lockdep, kmemleak'
	@echo 'check-cuts       power cut at every byte of CUTS=1000 updates of each flash format, by'
	@echo '                 the kernel module (hours); check has a sample of it'
	@echo 'check-soak       kill QEMU in the middle of updates of a boot flag (SOAK_TIMES=100), and'
	@echo '                 of a system (KILLS=50)'
	@echo 'check-runtimes   the hooks under real ones: podman, crun, runc, LXC, systemd'
	@echo 'check-arm64      the boot flags under real U-Boot, Linux on NOR flash by it, pvkit-init'
	@echo 'check-config     symbols that a target .config lacks (CONFIG=file or KDIR=path)'
	@echo 'fuzz             feed the parsers bad input, FUZZ_SECONDS=600 for each target'
	@echo '                 (FUZZ="$(fuzz_names)")'
	@echo 'bench            load times, wear and more side by side, in a virtual machine'
	@echo '                 (BENCH="drivers rest flags boot holders update")'
	@echo 'lint             W=1, sparse, checkpatch, shellcheck, clang-tidy'
	@echo 'generate         make the netlink code and headers from the specs'
	@echo 'deps             bring in packages and kernels'
	@echo 'clean            delete what was built; distclean: downloads too'

deps:
	@scripts/deps $(deps_args)

# The kernel's own parser of mtdparts=, which Debian's kernels lack, where their source is
# unpacked: what ours is compared with.
kernel_parser := $(BUILD)/deb/source-$(KERNEL)/linux/drivers/mtd/parsers/cmdlinepart.c

# The copy keeps times: kbuild makes anew only what changed.
modules: $(deps_for_modules)
	@mkdir -p $(ksrc)
	@cp -Rpu Kbuild kernel include $(ksrc)/
	@if [ -n "$(PVKIT_TEST_MODULES)" ]; then \
		mkdir -p $(ksrc)/tests && cp -Rpu tests/modules $(ksrc)/tests/ && \
		{ [ ! -f $(kernel_parser) ] || cp -pu $(kernel_parser) $(ksrc)/tests/modules/; } \
	fi
	$(MAKE) -C $(kdir) $(kbuild_args) \
		$(if $(PVKIT_TEST_MODULES),PVKIT_TEST_MODULES=m) modules

# With those that only our own machines want.
test-modules: $(deps_for_modules)
	@$(MAKE) modules PVKIT_TEST_MODULES=m

modules_install: modules
	$(MAKE) -C $(kdir) $(kbuild_args) modules_install

programs: $(programs)

ifneq ($(debian_arm64),)
$(lib_obj) $(daemon_obj) $(cli_obj) $(selftest_bin) $(bench_bin): | deps
endif

$(cdir)/user/lib/%.o: user/lib/%.c
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(CFLAGS) $(dep_flags) $(call pkg_cflags,$(lib_pkgs)) -c -o $@ $<

$(cdir)/user/daemon/%.o: user/daemon/%.c
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(CFLAGS) $(dep_flags) $(call pkg_cflags,$(daemon_pkgs)) -c -o $@ $<

$(cdir)/user/update/%.o: user/update/%.c
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(CFLAGS) $(dep_flags) -c -o $@ $<

$(cdir)/user/cli/%.o: user/cli/%.c
	@mkdir -p $(@D)
	$(CC) $(std_cflags) -Iuser/update $(CFLAGS) $(dep_flags) \
		$(call pkg_cflags,$(cli_pkgs) $(cli_headers)) -c -o $@ $<

$(libpvkit): $(lib_obj)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(cdir)/pvkitd: $(daemon_obj) $(libpvkit)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(daemon_pkgs)) -lpthread

$(cdir)/pvkit: $(cli_obj) $(libpvkit)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(cli_pkgs)) -ldl

$(init_dir)/include/mtd:
	@mkdir -p $(@D)
	@for d in linux asm-generic mtd; do ln -sfn $(guest)/usr/include/$$d $(@D)/$$d; done
	@ln -sfn $(guest)/usr/include/$$($(CC) -print-multiarch 2>/dev/null)/asm $(@D)/asm

ifneq ($(debian_arm64),)
$(musl_specs): | deps
	@mkdir -p $(@D)
	@sed 's:\([ L]\)/usr/\(lib\|include\)/:\1$(guest)/usr/\2/:g' \
		$(guest)/usr/lib/aarch64-linux-musl/musl-gcc.specs >$@
endif

$(sort $(init_obj) $(update_obj)): $(init_dir)/%.o: %.c | $(init_headers)
	@mkdir -p $(@D)
	$(INIT_CC) $(init_cflags) $(if $(findstring user/update,$<),-Iuser/init) $(dep_flags) \
		-c -o $@ $<

# Every byte of an image goes through it, twice.
$(init_dir)/user/lib/sha256.o: init_cflags += -O2

$(cdir)/pvkit-init: $(init_obj)
$(cdir)/pvkit-update: $(update_obj)
$(cdir)/pvkit-init $(cdir)/pvkit-update:
	$(INIT_CC) $(init_cflags) $(init_ldflags) -o $@.debug $^
	@$(CROSS_COMPILE)strip -s -R .comment -o $@ $@.debug
	@echo "$(@F): $$(wc -c <$@) bytes, by $(notdir $(firstword $(INIT_CC)))$(if \
		$(findstring musl,$(INIT_CC)),, without musl)"

# What podman, CRI-O and LXC look for below /usr/share.
shared := containers/oci/hooks.d/pvkit.json lxc/config/pvkit.conf

# --- man pages and completion -----------------------------------------------

# Made by a program of our own that runs here, whatever the target is.
HOSTCC ?= cc
doc_src := $(wildcard user/cli/doc/*.c) user/cli/verbs.c user/daemon/config.c user/lib/util.c \
	   user/lib/confline.c user/lib/ctrlwords.c
docs := $(BUILD)/docs
mandir ?= $(PREFIX)/share/man
bashcompletiondir ?= $(PREFIX)/share/bash-completion/completions
zshcompletiondir ?= $(PREFIX)/share/zsh/site-functions

$(docs)/doc: $(doc_src) $(wildcard user/cli/doc/*.h) user/cli/verbs.h user/daemon/config.h
	@mkdir -p $(@D)
	$(HOSTCC) -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -DPVKIT_TEXTS_ONLY \
		-Iuser/cli -Iuser/daemon -Iuser/lib -o $@ $(doc_src)

$(docs)/done: $(docs)/doc $(wildcard Documentation/*.md)
	@rm -rf $(docs)/man && mkdir -p $(docs)/man
	$(docs)/doc man $(docs)/man Documentation
	$(docs)/doc bash >$(docs)/pvkit.bash
	$(docs)/doc zsh >$(docs)/_pvkit
	@touch $@

docs: $(docs)/done

install-docs: docs
	@for f in $(docs)/man/*; do \
		install -d $(DESTDIR)$(mandir)/man$${f##*.} && \
		install -m 644 $$f $(DESTDIR)$(mandir)/man$${f##*.}/ || exit; \
	done
	install -d $(DESTDIR)$(bashcompletiondir) $(DESTDIR)$(zshcompletiondir)
	install -m 644 $(docs)/pvkit.bash $(DESTDIR)$(bashcompletiondir)/pvkit
	ln -sfn pvkit $(DESTDIR)$(bashcompletiondir)/pvkitd
	install -m 644 $(docs)/_pvkit $(DESTDIR)$(zshcompletiondir)/_pvkit

# Empty: left out. INITDIR=/etc/init.d is for System V, PROCDDIR=/etc/init.d for OpenWrt.
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
MODULESLOADDIR ?= $(PREFIX)/lib/modules-load.d
INITDIR ?=
PROCDDIR ?=
EXAMPLESDIR ?= $(PREFIX)/share/doc/pvkit/examples
examples := $(wildcard init/examples/*)

# $(call install_init,DIRECTORY,MODE,FILE,NAME): with the path of pvkitd put right
install_init = @if [ -n "$(1)" ]; then echo "install $(1)/$(4)" && install -d $(DESTDIR)$(1) && \
	sed 's:/usr/sbin/pvkitd:$(PREFIX)/sbin/pvkitd:' init/$(3) >$(DESTDIR)$(1)/$(4) && \
	chmod $(2) $(DESTDIR)$(1)/$(4); fi

install: programs install-docs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin
	install -m 755 $(cdir)/pvkitd $(DESTDIR)$(PREFIX)/sbin/pvkitd
	install -m 755 $(cdir)/pvkit $(DESTDIR)$(PREFIX)/bin/pvkit
	install -m 755 $(cdir)/pvkit-init $(DESTDIR)$(PREFIX)/sbin/pvkit-init
	install -m 755 $(cdir)/pvkit-update $(DESTDIR)$(PREFIX)/sbin/pvkit-update
	install -m 755 scripts/mkinitramfs $(DESTDIR)$(PREFIX)/sbin/pvkit-mkinitramfs
	@for f in $(shared); do \
		echo "install share/$$f" && \
		install -d $(DESTDIR)$(PREFIX)/share/$${f%/*} && \
		sed 's:/usr/bin/:$(PREFIX)/bin/:g' share/$$f >$(DESTDIR)$(PREFIX)/share/$$f && \
		chmod 644 $(DESTDIR)$(PREFIX)/share/$$f || exit; \
	done
	$(call install_init,$(UNITDIR),644,pvkitd.service,pvkitd.service)
	$(call install_init,$(UNITDIR),644,pvkitd.socket,pvkitd.socket)
	$(call install_init,$(SYSUSERSDIR),644,sysusers.conf,pvkit.conf)
	$(call install_init,$(MODULESLOADDIR),644,modules-load.conf,pv_driver.conf)
	$(call install_init,$(INITDIR),755,pvkitd.init,pvkitd)
	$(call install_init,$(PROCDDIR),755,pvkitd.procd,pvkitd)
	$(if $(EXAMPLESDIR),install -d $(DESTDIR)$(EXAMPLESDIR))
	$(if $(EXAMPLESDIR),install -m 644 $(examples) $(DESTDIR)$(EXAMPLESDIR)/)

# Whose headers they use beside the library's.
$(BUILD)/unit-obj/user/update/%.o $(BUILD)/fuzz-obj/user/update/%.o: std_cflags += -Iuser/init
$(BUILD)/unit-obj/user/cli/%.o: std_cflags += -Iuser/update

$(BUILD)/unit-obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(san_cflags) $(dep_flags) $(call pkg_cflags,$(unit_pkgs)) -c -o $@ $<

$(unit_lib): $(unit_obj)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/tests/unit/%: tests/unit/%.c $(unit_lib)
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(san_cflags) $(dep_flags) -Itests/lib -Iuser/daemon -Iuser/init -Iuser/update \
		$(call pkg_cflags,$(unit_pkgs)) -o $@ $< $(filter %.o,$^) $(unit_lib) \
		$(call pkg_libs,$(unit_pkgs)) -lpthread

$(BUILD)/tests/unit/seeds_test: $(fuzz_unit_obj)
$(fuzz_unit_obj): std_cflags += -DLLVMFuzzerTestOneInput=fuzz_$(patsubst %_fuzz.o,%,$(@F))

$(BUILD)/fuzz-obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(std_cflags) $(san_cflags) -fsanitize=fuzzer-no-link $(dep_flags) \
		$(call pkg_cflags,$(unit_pkgs)) -c -o $@ $<

$(fuzz_lib): $(fuzz_obj)
	@rm -f $@
	$(AR) rcs $@ $^

.SECONDARY: $(fuzz_src:%.c=$(BUILD)/fuzz-obj/%.o)

$(BUILD)/fuzz/bin/%: $(BUILD)/fuzz-obj/tests/fuzz/%_fuzz.o $(fuzz_lib)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(san_cflags) -fsanitize=fuzzer -o $@ $^ $(call pkg_libs,$(unit_pkgs)) -lpthread

fuzz-programs: $(fuzz_bin)

$(unit_cli): $(patsubst %.c,$(BUILD)/unit-obj/%.o,$(filter-out user/update/%,$(cli_src))) $(unit_lib)
	$(CC) $(san_cflags) -o $@ $^ $(call pkg_libs,$(cli_pkgs)) -ldl

# The front over a made-up kernel, for the tests in tests/unit that are scripts.
stand_in := $(BUILD)/tests/lib/stand_in

$(stand_in): tests/lib/stand_in.c $(unit_lib)
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(san_cflags) $(dep_flags) -Iuser/daemon \
		$(call pkg_cflags,$(unit_pkgs)) -o $@ $< $(unit_lib) \
		$(call pkg_libs,$(unit_pkgs)) -lpthread

# The formats on a file, for tests where another program has it too.
flagimage := $(BUILD)/tests/lib/flagimage

$(flagimage): tests/lib/flagimage.c $(unit_lib)
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(san_cflags) $(dep_flags) -o $@ $< $(unit_lib) \
		$(call pkg_libs,$(unit_pkgs))

# What the boot stage reads from a disk, likewise.
blockid := $(BUILD)/tests/lib/blockid

# And to what it comes with an NBD server.
nbdtalk := $(BUILD)/tests/lib/nbdtalk

$(blockid) $(nbdtalk): $(BUILD)/tests/lib/%: tests/lib/%.c $(unit_lib)
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(san_cflags) $(dep_flags) -Iuser/init -o $@ $< $(unit_lib)

unit: $(unit_bin) $(unit_cli) $(cdir)/pvkit-update $(stand_in) $(flagimage) $(blockid) $(nbdtalk) docs

# A test or benchmark that needs a further library names it, in pkg-config's
# words, in a comment: `libs: libnl-genl-3.0`
wanted_pkgs = libmnl $(shell sed -n 's:^[ /]*\* libs\: *\([^*]*\).*$$:\1:p' $(1))
program_rule = $(CC) $(std_cflags) $(CFLAGS) $(dep_flags) -Itests/lib \
	$(call pkg_cflags,$(call wanted_pkgs,$<)) -o $@ $< $(libpvkit) \
	$(call pkg_libs,$(call wanted_pkgs,$<)) -lpthread

$(tdir)/tests/selftests/%: tests/selftests/%.c $(libpvkit)
	@mkdir -p $(@D)
	$(program_rule)

$(tdir)/tests/bench/%: tests/bench/%.c $(libpvkit)
	@mkdir -p $(@D)
	$(program_rule)

selftests: $(selftest_bin)
bench-programs: $(bench_bin)

# What the virtual machine is filled with.
everything: test-modules programs selftests bench-programs

TESTS ?= all

check:
	@tests/run --kernel $(KERNEL) $(if $(debian_arm64),--arch arm64) $(TESTS)

check-debug:
	@scripts/debug-kernel
	@tests/run --kernel debug driver

# Not part of check: it brings in a Debian of 81 MB.
check-runtimes:
	@tests/run --kernel $(KERNEL) runtimes

# Not part of check: U-Boot and a kernel are built for it.
check-arm64:
	@tests/uboot/run $(filter-out all,$(TESTS))

CUTS ?= 1000

# A test of tests/unit without sanitizers, which take ten times as long.
$(BUILD)/tests/plain/%: tests/unit/%.c $(libpvkit)
	@mkdir -p $(@D)
	$(CC) $(std_cflags) $(CFLAGS) $(dep_flags) -Itests/lib -o $@ $< $(libpvkit)

# Not part of check: it takes hours.
check-cuts: $(BUILD)/tests/plain/bcb_test
	@PVKIT_CUTS=$(CUTS) $(BUILD)/tests/plain/bcb_test
	@PVKIT_CUTS=$(CUTS) PVKIT_SLOW=200 tests/run --kernel $(KERNEL) bootflag/matrix

SOAK_TIMES ?= 100
KILLS ?= 50

# Not part of check: a machine is started for each kill.
check-soak: deps
	@$(MAKE) test-modules programs >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }
	@tests/soak/run --times $(SOAK_TIMES) --kernel $(KERNEL)
	@PVKIT_KILLS=$(KILLS) PVKIT_SLOW=$$(($(KILLS) / 5 + 1)) \
		tests/run --kernel $(KERNEL) pivot/kill

# A target's name, or several.
fuzz:
	@scripts/deps --no-kernel --set fuzz
	@$(MAKE) $(FUZZ:%=$(BUILD)/fuzz/bin/%)
	@tests/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZ)

check-config:
	@scripts/check-config $(CONFIG)

bench: deps
	@$(MAKE) everything >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }
	@tests/bench/run $(if $(BENCH),--only "$(BENCH)")

demo:
	@scripts/demo

demo-update: deps
	@$(MAKE) modules programs >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }
	@tests/demo/update --kernel $(KERNEL)

lint:
	@scripts/lint

generate:
	@scripts/generate

clean:
	rm -rf $(filter-out $(BUILD)/deb $(BUILD)/apt $(BUILD)/debug-kernel,$(wildcard $(BUILD)/*))

distclean:
	rm -rf $(BUILD)

-include $(shell find $(cdir) $(BUILD)/unit-obj $(BUILD)/fuzz-obj $(BUILD)/tests -name '*.d' 2>/dev/null)
