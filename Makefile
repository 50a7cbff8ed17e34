# Tocsin: `make run` shows a working agent, `make test` passes everything.
BUILD   := .build
DEBUG   := $(BUILD)/debug-tree
RELEASE := $(BUILD)/release-tree
BINARY  := $(RELEASE)/release/tocsin
STATE   := $(BUILD)/state
PREFIX  ?= /usr/local
SWIFT   ?= swift
FLAGS   := --explicit-target-dependency-import-check error

.PHONY: run build test unit integration check-binary lint format bench fuzz dashboards install clean packages packages-test

run: build ## Build and run the agent with its defaults, its state under .build/state
	@echo "follow the lines in another terminal with: $(BINARY) logs --follow --state-dir $(STATE)"
	$(BINARY) run --state-dir $(STATE) $(if $(CONFIG),--config $(CONFIG))

build: packages ## The release binary
	$(SWIFT) build -c release --static-swift-stdlib --scratch-path $(RELEASE) --product tocsin $(FLAGS)

test: packages-test lint unit build check-binary integration ## Everything

# In runs of their own: tests of a run share as many threads as there are processors, and those of rules, say, would keep
# others waiting beyond their limits.
UNIT_RUNS := LogsTests (LokiTests|TransportTests|BytesTests|TelemetryTests|ConfigurationTests) \
	(ExporterTests|WebTests|AgentTests) (AlertingTests|JailsTests) RulesTests
unit: packages
	scripts/check-unit-runs $(foreach run,$(UNIT_RUNS),'$(run)')
	$(SWIFT) build --build-tests --scratch-path $(DEBUG) $(FLAGS)
	for tests in $(foreach run,$(UNIT_RUNS),'$(run)'); do \
		SWIFT="$(SWIFT)" scripts/run-unit-tests --skip-build --scratch-path $(DEBUG) --parallel --filter "^$$tests\\." || exit 1; done

integration: build
	python3 Tests/Integration/selftest.py
	python3 Tests/Integration/run.py --binary $(BINARY) --jobs 3

check-binary: build ## Size, and that no ICU came in
	scripts/check-binary $(BINARY)

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests
	python3 dashboards/generate.py --check
	scripts/embed-rules --check
	scripts/embed-jails --check
	scripts/list-families --check

format:
	$(SWIFT) format -i -r Package.swift Sources Tests

bench: build ## Ratios against a C loop measured in the same run
	python3 Benchmarks/run.py --binary $(BINARY)

FUZZ_SECONDS ?= 60
fuzz: packages ## The fuzz tests again and again for FUZZ_SECONDS, with new seeds; TOCSIN_SEED repeats one
	$(SWIFT) build --build-tests --scratch-path $(DEBUG) $(FLAGS)
	end=$$(( $$(date +%s) + $(FUZZ_SECONDS) )); while [ $$(date +%s) -lt $$end ]; do \
		$(SWIFT) test --skip-build --scratch-path $(DEBUG) --filter '(Fuzz|Decoder|JSONValue|RFC3339|YAMLDocument|ScrapeJob|PushRequestReader|RejectionReader|LogQuery|JournalText|NameTests|Recovery|Torture|Systemd)' \
			> $(BUILD)/fuzz.log 2>&1 || { cat $(BUILD)/fuzz.log; exit 1; }; \
		tail -n 1 $(BUILD)/fuzz.log; done

dashboards:
	python3 dashboards/generate.py

install: build ## The binary to $(PREFIX)/bin; the unit, and the user it runs as, to systemd's directories
	install -D -m 0755 -s $(BINARY) $(DESTDIR)$(PREFIX)/bin/tocsin
	install -D -m 0644 packaging/tocsin.service $(DESTDIR)/etc/systemd/system/tocsin.service
	sed -i 's|^ExecStart=/usr/local/|ExecStart=$(PREFIX)/|' $(DESTDIR)/etc/systemd/system/tocsin.service
	install -D -m 0644 packaging/tocsin.sysusers $(DESTDIR)/usr/lib/sysusers.d/tocsin.conf
	@test -n "$(DESTDIR)" || echo "now: systemd-sysusers && systemctl daemon-reload && systemctl enable --now tocsin"

packages:
	@scripts/install-packages build

packages-test:
	@scripts/install-packages test

clean:
	rm -rf $(BUILD)
