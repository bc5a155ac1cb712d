# ndproxyd and arpproxyd: `make help` lists what there is to make.

VERSION = 0.1.0
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
# where systemd looks, whatever the prefix
UNITDIR ?= /lib/systemd/system
TMPFILESDIR ?= /usr/lib/tmpfiles.d
SYSUSERSDIR ?= /usr/lib/sysusers.d

# The filter in the kernel needs clang, bpftool and libbpf; WITH_BPF=no builds without it.
WITH_BPF ?= yes
ifeq ($(WITH_BPF),yes)
BPF_PACKAGES = clang bpftool libbpf-dev
endif

# What Debian calls the things that are needed: to build, for the demo, for all tests.
BUILD_PACKAGES = gcc make libc6-dev pkg-config libmnl-dev libcap-ng-dev libconfuse-dev \
	libev-dev libjansson-dev libsystemd-dev $(BPF_PACKAGES)
DEMO_PACKAGES = $(BUILD_PACKAGES) iproute2 nftables iputils-ping procps util-linux
CHECK_PACKAGES = $(DEMO_PACKAGES) libcmocka-dev perl python3 python3-scapy iputils-arping \
	libnet1 libpcap0.8 tcpdump libcap2-bin systemd libseccomp2
LINT_PACKAGES = $(BUILD_PACKAGES) clang-format shellcheck mandoc
FUZZ_PACKAGES = $(BUILD_PACKAGES) clang libclang-rt-dev
# the other proxies among them: without a configuration their services do nothing
BENCH_PACKAGES = $(BUILD_PACKAGES) iproute2 procps util-linux python3 gnuplot-nox ndppd npd6

# SAN=1 builds everything under the address and undefined-behaviour sanitizers, beside the other.
SAN ?=
B ?= build$(if $(SAN),-san)
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2);)

MODULES = libmnl libcap-ng libconfuse jansson libsystemd $(if $(BPF_PACKAGES),libbpf)
# "=": asked only when something is compiled, so that `make help` and `deps` need no pkg-config
PKG_CFLAGS = $(shell pkg-config --cflags $(MODULES))
PKG_LIBS = $(shell pkg-config --libs $(MODULES)) -lev

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla -Wformat=2
ifeq ($(SAN),)
OPT ?= -O2
HARDEN = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else
OPT ?= -O1
HARDEN = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
HARDEN += -fstack-protector-strong -fPIE
CFLAGS ?= $(OPT) -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
	-DSYSCONFDIR='"$(SYSCONFDIR)"' -Ilib $(WARN) $(HARDEN) $(BPF_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(filter -fsanitize%,$(HARDEN)) -pie -Wl,-z,relro,-z,now $(LDFLAGS)

BPF_CFLAGS = $(if $(BPF_PACKAGES),-DWITH_BPF -isystem $(B)/lib)
LIB_OBJS = $(patsubst %.c,$(B)/%.o,$(filter-out %.bpf.c,$(wildcard lib/*.c)))
NDP_OBJS = $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard ndproxyd/*.c)))
ARP_OBJS = $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard arpproxyd/*.c)))
# which codec a test is linked with
codec_of = $(if $(findstring arp,$(1)),$(ARP_OBJS),$(NDP_OBJS))
DAEMONS = ndproxyd arpproxyd
UNIT_TESTS = $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
PROGRAMS = $(B)/sbin/ndproxyd $(B)/sbin/arpproxyd $(B)/sbin/ndproxyctl $(B)/sbin/arpproxyctl

.PHONY: all help demo check unit lint bench deps-build deps-demo deps-check deps-lint deps-fuzz \
	deps-bench install uninstall clean fuzz fuzz-replay dist
all: $(PROGRAMS)

help:
	@echo 'make           builds the daemons and the control client into build/sbin'
	@echo 'make demo      shows the whole thing in network namespaces (KEEP=1: stops there, in a shell)'
	@echo 'make check     builds, and runs all tests; as root it first installs what it needs'
	@echo 'make lint      formatting, shell scripts, man pages, and who may use whom in lib/'
	@echo 'make fuzz      fuzzes the codecs for FUZZ_TIME seconds (60)'
	@echo 'make bench     as root: both daemons beside the kernel, ndppd and npd6, in a quarter of an hour;'
	@echo '               QUICK=1: in three minutes, and not everybody. See bench/README.md'
	@echo 'make deps-build  installs (as root) or names the Debian packages to build with'
	@echo 'make install   DESTDIR, PREFIX (/usr/local), SBINDIR, MANDIR, SYSCONFDIR (/etc; built in),'
	@echo '               UNITDIR (/lib/systemd/system), TMPFILESDIR, SYSUSERSDIR; uninstall: the same'
	@echo 'make dist      a source archive of the last commit'
	@echo 'make clean     removes what was built'
	@echo 'WITH_BPF=no builds without the filter in the kernel (clang, bpftool, libbpf)'
	@echo 'SAN=1 with sanitizers; V=1 shows commands; CC=clang another compiler'

# --- compiling ---

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

# The program in the kernel, and the C that loads it. -target bpf knows no include path of the host.
BPF_CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
$(B)/lib/filter.bpf.o: lib/filter.bpf.c lib/filter_map.h lib/siphash.h
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) -O2 -g -Wall -Wextra -target bpf \
		-I/usr/include/$$($(CC) -print-multiarch 2>/dev/null) -Ilib -c -o $@ $<

$(B)/lib/filter.skel.h: $(B)/lib/filter.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name filter_bpf >$@.new && mv $@.new $@

# what was built the other way is built anew
$(B)/lib/with-bpf-$(WITH_BPF):
	@mkdir -p $(@D) && rm -f $(B)/lib/with-bpf-* && touch $@
$(B)/lib/filter.o: $(B)/lib/with-bpf-$(WITH_BPF) $(if $(BPF_PACKAGES),$(B)/lib/filter.skel.h)

$(B)/libproxy.a: $(LIB_OBJS)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(B)/sbin/ndproxyd: $(B)/ndproxyd/main.o $(NDP_OBJS) $(B)/libproxy.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/sbin/arpproxyd: $(B)/arpproxyd/main.o $(ARP_OBJS) $(B)/libproxy.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# one program, two names
$(B)/sbin/arpproxyctl: $(B)/sbin/ndproxyctl
	$(Q)ln -sf ndproxyctl $@

$(B)/sbin/ndproxyctl: $(patsubst %.c,$(B)/%.o,$(wildcard ctl/*.c)) $(B)/libproxy.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/bench/gen: $(patsubst %.c,$(B)/%.o,$(wildcard bench/*.c))
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lm

.SECONDARY:
.SECONDEXPANSION:
$(B)/tests/unit/%: $(B)/tests/unit/%.o $$(call codec_of,$$*) $(B)/libproxy.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- what it needs: asked of dpkg, so a second run asks no registry ---

deps-build: need = $(BUILD_PACKAGES)
deps-demo: need = $(DEMO_PACKAGES)
deps-check: need = $(CHECK_PACKAGES)
deps-lint: need = $(LINT_PACKAGES)
deps-fuzz: need = $(FUZZ_PACKAGES)
deps-bench: need = $(BENCH_PACKAGES)
deps-build deps-demo deps-check deps-lint deps-fuzz deps-bench:
	@tests/deps.sh $(need)

# --- tests ---

demo: deps-demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(B) KEEP=$(KEEP) tests/demo.sh

# Both builds, plain and sanitized, run the same suite, but for labs that sanitizers have nothing to say about: the same
# as another for the other family, systemd's, rest. JOBS labs at a time, much of which is waiting; each is a world of
# its own.
JOBS ?= 3
PLAIN_LABS = $(wildcard tests/net/23-arp-*.t tests/net/27-*.t tests/net/28-*.t tests/net/30-*.t)
check: deps-check
	@tests/habets.sh
	@$(MAKE) --no-print-directory all unit fuzz-replay
	@$(MAKE) --no-print-directory SAN=1 all unit fuzz-replay
	@$(MAKE) --no-print-directory WITH_BPF=no B=build-nobpf all
	@BUILD=$(B) prove --jobs $(JOBS) --timer --merge $(UNIT_TESTS) $(REPLAYS) tests/net/*.t
	@BUILD=build-nobpf prove --timer --merge tests/net/18-filter.t
	@BUILD=build-san prove --jobs $(JOBS) --timer --merge $(UNIT_TESTS:$(B)/%=build-san/%) \
		$(REPLAYS:$(B)/%=build-san/%) $(filter-out $(PLAIN_LABS),$(sort $(wildcard tests/net/*.t)))
	@echo 'make check: everything passed'

unit: $(UNIT_TESTS)

# The fuzz targets without the fuzzer: run their corpus, print TAP.
REPLAYS = $(B)/tests/fuzz/replay_ndp $(B)/tests/fuzz/replay_arp
$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/replay.o $(B)/tests/fuzz/fuzz_codec.o \
		$$(call codec_of,$$*) $(B)/libproxy.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

fuzz-replay: $(REPLAYS)

FUZZ_TIME ?= 60
fuzz: deps-fuzz
	$(Q)for codec in ndp arp; do \
		mkdir -p build-fuzz/$$codec && \
		clang -std=gnu11 -D_GNU_SOURCE -Ilib -g -O1 -fsanitize=fuzzer,address,undefined \
			-fno-sanitize-recover=all -o build-fuzz/fuzz_$$codec tests/fuzz/fuzz_codec.c \
			*proxyd/$$codec.c lib/addr.c lib/msg.c && \
		build-fuzz/fuzz_$$codec -max_total_time=$(FUZZ_TIME) -max_len=2048 \
			-artifact_prefix=tests/fuzz/$$codec/crash- build-fuzz/$$codec \
			tests/fuzz/$$codec || exit 1; \
	done

# A quick run leaves what is committed as it is.
BENCH_RESULT = $(if $(QUICK),$(B)/bench,bench)
bench: deps-bench
	@$(MAKE) --no-print-directory all $(B)/bench/gen
	$(if $(QUICK),$(Q)cp bench/README.md $(B)/bench/README.md)
	@/usr/bin/python3 -B bench/bench.py --build $(B) --readme $(BENCH_RESULT)/README.md \
		--chart $(BENCH_RESULT)/chart.svg $(if $(QUICK),--quick) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

lint: deps-lint
	@tests/lint.sh

# --- installing ---

INSTALL ?= install
# The systemd files of the two daemons differ in names alone: one template each.
what_ndproxyd = IPv6 neighbor discovery proxy
what_arpproxyd = IPv4 ARP proxy
template = $(INSTALL) -d $(dir $(2)) && sed -e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@NAME@|$*|g' \
	-e 's|@CTL@|$(*:d=ctl)|g' -e 's|@WHAT@|$(what_$*)|g' packaging/systemd/daemon.$(1).in \
	>$(2) && chmod 644 $(2)
# what is installed for one daemon, all but programs, man pages and configuration
files_of = $(DESTDIR)$(SYSCONFDIR)/sysctl.d/60-$(1).conf $(DESTDIR)$(UNITDIR)/$(1).service \
	$(DESTDIR)$(TMPFILESDIR)/$(1).conf $(DESTDIR)$(SYSUSERSDIR)/$(1).conf
# one name for the number that both have in their own family
PROTOCOL_NAME = iproute2/rt_protos.d/ndproxyd.conf
# pages that are another's second name
MAN_LINKS = $(shell find man -type l)
MAN_PAGES = $(filter-out $(MAN_LINKS),$(wildcard man/*.[0-9]))
installed_page = $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

install: all $(DAEMONS:%=install-%)
	$(INSTALL) -d $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 755 $(B)/sbin/ndproxyd $(B)/sbin/arpproxyd $(B)/sbin/ndproxyctl \
		$(DESTDIR)$(SBINDIR)
	ln -sf ndproxyctl $(DESTDIR)$(SBINDIR)/arpproxyctl
	$(INSTALL) -D -m 644 etc/$(PROTOCOL_NAME) $(DESTDIR)$(SYSCONFDIR)/$(PROTOCOL_NAME)
	set -e; $(foreach m,$(MAN_PAGES),$(INSTALL) -D -m 644 $(m) $(call installed_page,$(m));)
	set -e; $(foreach m,$(MAN_LINKS),ln -sf $$(readlink $(m)) $(call installed_page,$(m));)

# The administrator's own configuration is never overwritten.
.PHONY: $(DAEMONS:%=install-%)
$(DAEMONS:%=install-%): install-%: all
	$(INSTALL) -D -m 644 etc/sysctl.d/60-$*.conf $(DESTDIR)$(SYSCONFDIR)/sysctl.d/60-$*.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/$*.conf \
		|| $(INSTALL) -m 644 etc/$*.conf $(DESTDIR)$(SYSCONFDIR)/$*.conf
	$(call template,service,$(DESTDIR)$(UNITDIR)/$*.service)
	$(call template,tmpfiles,$(DESTDIR)$(TMPFILESDIR)/$*.conf)
	$(call template,sysusers,$(DESTDIR)$(SYSUSERSDIR)/$*.conf)

uninstall:
	rm -f $(PROGRAMS:$(B)/sbin/%=$(DESTDIR)$(SBINDIR)/%) \
		$(DESTDIR)$(SYSCONFDIR)/$(PROTOCOL_NAME) \
		$(foreach m,$(MAN_PAGES) $(MAN_LINKS),$(call installed_page,$(m))) \
		$(foreach d,$(DAEMONS),$(call files_of,$(d)))

dist:
	git archive --format=tar --prefix=ndproxyd-$(VERSION)/ HEAD | gzip -n >ndproxyd-$(VERSION).tar.gz

clean:
	rm -rf build build-san build-nobpf build-fuzz ndproxyd-$(VERSION).tar.gz
