# `make test` is what every push must pass; the long ones are run by hand.
GO      ?= go
PKGS    := ./...
LINT    := $(GO) tool -modfile=internal/tools/golangci/go.mod golangci-lint
FUZZFOR ?= 60s

.PHONY: build deps clients test checks unit race e2e cross lint fuzz chaos chaos-disk chaos-process chaos-edits chaos-network chaos-broker chaos-matter chaos-clock chaos-years chaos-seeded soak long test-gpio gpio-kernel package bench-homekit bench-matter clean

build: ## one static binary in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/loquet ./cmd/loquet

deps: ## what the tests need beside Go: says what it installs, does it once
	bash e2e/deps.sh

clients: # the part of deps that comes from npm
	bash e2e/deps.sh clients

test: ## everything a push must pass; the clients, which only e2e needs, are fetched meanwhile
	bash e2e/deps.sh packages
	$(MAKE) -j2 clients checks
	$(MAKE) e2e

checks: # one after another; race boots the kernel of the GPIO tests
	$(MAKE) -j1 gpio-kernel unit race cross

unit: ## all packages, without what needs Node, root or a namespace
	$(GO) vet $(PKGS)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt wants these files"; exit 1; }
	$(GO) test ./store

race: ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $$($(GO) list ./... | grep -v '/e2e')

# These judge how fast something is answered: one after another, with the machine to themselves.
TIMED   := ./e2e/homekit ./e2e/chaos/network ./e2e/chaos/broker

e2e: ## the built binary with clients nobody here wrote
	$(GO) test -count=1 -p 2 -timeout 30m $$($(GO) list ./e2e/... | grep -v -E '/e2e/(homekit|chaos/network|chaos/broker)$$')
	$(GO) test -count=1 -p 1 -timeout 30m $(TIMED)

cross: ## the three machines loquet is made for
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) build -o /dev/null ./cmd/loquet
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/loquet
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=6 $(GO) build -o /dev/null ./cmd/loquet

lint: ## golangci-lint, built from its own module
	$(LINT) run

fuzz: ## every fuzz target for FUZZFOR each
	bash internal/fuzzall.sh $(FUZZFOR)

chaos: chaos-disk chaos-process chaos-edits chaos-network chaos-broker chaos-matter chaos-clock chaos-years chaos-seeded ## all of the next nine: docs/reliability.md

chaos-process: ## 1,000 kills instead of 200, stops in a warning, a pulse and before a command: LOQUET_KILLS
	LOQUET_KILLS=$${LOQUET_KILLS:-1000} $(GO) test -count=1 -timeout 120m -v ./e2e/chaos/process

chaos-edits: ## 1,000 kills while people, codes, calendars and stays are edited instead of 40: LOQUET_KILLS
	LOQUET_KILLS=$${LOQUET_KILLS:-1000} $(GO) test -count=1 -timeout 60m -v ./e2e/chaos/edits

chaos-network: ## cut and lossy networks, a network full of strangers, sessions whose phones are gone
	LOQUET_LONG=1 $(GO) test -count=1 -timeout 30m -v ./e2e/chaos/network

chaos-broker: ## an MQTT broker that dies 100 times, and two minutes of a storm in it
	LOQUET_LONG=1 $(GO) test -count=1 -timeout 30m -v ./e2e/chaos/broker

chaos-matter: ## 1,000 kills of a Matter node while it is commissioned and written to, 2,000 images of power cuts: LOQUET_KILLS, LOQUET_IMAGES
	LOQUET_KILLS=$${LOQUET_KILLS:-1000} LOQUET_IMAGES=$${LOQUET_IMAGES:-2000} $(GO) test -count=1 -timeout 60m -v ./e2e/chaos/matter

chaos-clock: gpio-kernel ## a machine whose clock jumps 200 times while a house lives on it, on the kernel of the GPIO tests
	LOQUET_LONG=1 $(GO) test -count=1 -timeout 30m -v ./e2e/chaos/clock

chaos-years: ## 100 simulated door-years instead of 4: LOQUET_YEARS, LOQUET_SEED
	LOQUET_YEARS=$${LOQUET_YEARS:-100} $(GO) test -count=1 -timeout 60m -v ./e2e/chaos/years

chaos-seeded: ## builds with mistakes, each of which the suites above must find
	LOQUET_LONG=1 $(GO) test -count=1 -timeout 60m -v ./e2e/chaos/seeded

soak: ## an hour of the hostile network, figures as a line of JSON: LOQUET_SOAK
	LOQUET_SOAK=$${LOQUET_SOAK:-60m} $(GO) test -count=1 -timeout 26h -v -run Hostile ./e2e/chaos/network

chaos-disk: ## 2,000 images of power cuts, failing and slow disks, mistakes that must be found: LOQUET_IMAGES, LOQUET_STRIDE
	LOQUET_MISTAKES=all LOQUET_IMAGES=$${LOQUET_IMAGES:-2000} LOQUET_STRIDE=$${LOQUET_STRIDE:-11} \
		$(GO) test -count=1 -timeout 180m -v ./e2e/chaos/disk/...

long: ## a minute of events under full reads, ten times the damage to a state folder, a flood of the network judged by the clock
	LOQUET_LONG=1 $(GO) test -count=1 -timeout 60m ./homekit ./e2e/state ./mdns

test-gpio: gpio-kernel ## lines on a real kernel with simulated chips, alone: LOQUET_GPIO_KERNEL, or what gpio-kernel built
	$(GO) test -count=1 -v -run OnARealKernel ./hw/gpio ./e2e/gpio

gpio-kernel: ## that kernel, from Debian's sources into the cache: some four minutes, once
	bash e2e/gpio/kernel/build.sh

package: ## dist/: static binaries, .deb packages, a container image where buildah is installed
	GO=$(GO) packaging/build.sh

bench-homekit: ## loquet beside its peers, and alone from 10 to 1,500 doors; half an hour of a quiet machine
	npm ci --prefix bench/homekit/peers --ignore-scripts --no-audit --no-fund --loglevel=error
	@mkdir -p dist
	$(GO) run ./bench/homekit >dist/bench-homekit.jsonl
	$(GO) run ./bench/homekit -render dist/bench-homekit.jsonl $(wildcard dist/bench-matter.jsonl) | tee docs/benchmarks.md

bench-matter: ## loquet beside a Matter bridge of matter.js, and both protocols beside two bridges; 20 minutes of a quiet machine
	npm ci --prefix bench/matter/peers --ignore-scripts --no-audit --no-fund --loglevel=error
	npm ci --prefix bench/homekit/peers --ignore-scripts --no-audit --no-fund --loglevel=error
	@mkdir -p dist
	$(GO) run ./bench/matter >dist/bench-matter.jsonl
	$(GO) run ./bench/homekit -render $(wildcard dist/bench-homekit.jsonl) dist/bench-matter.jsonl | tee docs/benchmarks.md

clean:
	rm -rf bin dist
