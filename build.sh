#!/usr/bin/env bash
# Loomwork's one entry: everything that a person or CI does goes through here.
#
#   ./build.sh help            what each verb does
#   ./build.sh run             set up, build and do the main job on real input
#   ./build.sh test            set up and pass all tests
#
# Whatever is up to date is skipped. What is noisy goes to target/logs/, and its end is shown when it fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Versions. The Rust toolchain's stands in rust-toolchain.toml, wasm-bindgen's in Cargo.toml, npm's in www/package-lock.json,
# the test runtimes' in tests/everywhere/package-lock.json, the benchmarks' peers' in tests/bench/peers/package-lock.json, Python's in tests/references/requirements.txt.
readonly WASM_PACK_VERSION=0.15.1
readonly GECKODRIVER_VERSION=0.37.1
readonly NODE_MAJOR=20
WASM_BINDGEN=$(sed -n 's/^wasm-bindgen = "=\(.*\)"$/\1/p' Cargo.toml)
CHANNEL=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
readonly WASM_BINDGEN CHANNEL
# What all tests are: chains of suites that build the same things and so go one after the other; two chains at a time. Long ones come
# first, but identical late: its native runner waits for cargo while native compiles.
readonly CHAINS=("lint native models" "process chaos everywhere" references browser byo serve queue cli identical wasm-chromium wasm-firefox host package fuzz)
readonly AT_A_TIME=$(($(getconf _NPROCESSORS_ONLN) > 1 ? 2 : 1))
read -ra SUITES <<<"${CHAINS[*]}"
readonly SUITES
readonly TOOLS=$PWD/target/tools
readonly LOGS=$PWD/target/logs
# rustup puts itself there, and not every shell has been told.
export PATH="$TOOLS/bin:$PATH:$HOME/.cargo/bin"
# The pin holds, whatever toolchain the caller is used to.
export RUSTUP_TOOLCHAIN=$CHANNEL

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  readonly BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  readonly BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

usage() {
  cat <<END
${BOLD}./build.sh VERB [ARGS]${PLAIN}

  setup [test]     install what a build needs; with 'test', also what the tests need (browsers, drivers, runtimes, NumPy)
  build            compile the wasm artifacts and make the npm package in pkg/
  run              build, then resize and hash a real photograph and render a large Mandelbrot, on all cores
  demo [ARGS]      build, then serve the demo page (ARGS: see pkg/bin/loomwork.js demo --help)
  pack             build, then pack what is published: the npm package and the crate, in out/
  test [SUITE…]    build, then run all tests, two suites at a time; or the suites named, in turn: ${SUITES[*]}
  bench [ARGS]     build, then measure: bench [kernels|dispatch|cancel|inline|serve] [--case TEXT]… [--runs N] [--json] [--out FILE] [--html FILE]
                   [--size full|light|tiny] [--no-peers] [--no-native-cpu] [--no-native] [--no-browser]
  chaos [ARGS]     build, then throw faults at a host under load: chaos [--seed N] [--jobs N] [--faults N] [--kinds A,B] [--in processes|chromium] [--json]
                   or kill and restart the processes of a server under load: chaos serve [--seconds N] [--only kill|reload] [--json]
  soak [ARGS]      build, then run a million jobs and 500 hosts: soak [--small N] [--large N] [--cycles N] [--json]
  fuzz [ARGS]      build, then try hostile params, options and orders of calls: fuzz [--minutes N] [--seed N]
                   or send a server random requests: fuzz serve [--requests N] [--seed N] [--json]
  clean            delete everything that was built; 'clean all' also the tools and packages that were installed
  help [VERB]      this text, or more about a verb
END
}

help_verb() {
  case $1 in
    setup) echo "Installs into this folder (target/tools, www/node_modules) and through rustup: the toolchain $CHANNEL, wasm-bindgen $WASM_BINDGEN, the npm packages of www/package-lock.json; with 'test' also wasm-pack $WASM_PACK_VERSION, geckodriver $GECKODRIVER_VERSION, a Python environment with NumPy and Pillow, Node 22, 24 and 26, Deno, Bun and workerd as npm packages (tests/everywhere/node_modules, 1 GB), and, as root on Debian, the packages chromium, chromium-driver, firefox-esr, webkit2gtk-driver, xvfb and redis-server. The first time takes some minutes; later times a second." ;;
    build) echo "Generates the TypeScript types from the Rust ones, compiles the artifacts threads, simd and baseline, checks the TypeScript and bundles pkg/. Skipped when no source has changed." ;;
    run) echo "Does the main job in Node: writes out/*.png and prints what ran where, with times on one and on all threads." ;;
    demo) echo "Serves pkg/demo on 127.0.0.1 with the headers that a page needs for threads. --port N, --no-isolation." ;;
    pack) echo "Makes out/loomwork-VERSION.tgz, to be given to npm install, and out/loomwork-VERSION/, the crate, to be given to loomwork new --crate: what README's 'Your own kernels' begins with until both are published." ;;
    test) echo "Suites: ${SUITES[*]}. A missing browser or runtime is a failure. LOOMWORK_BROWSERS=chromium restricts the suites browser and package. 'everywhere' prints the table runtime × backend × feature: every cell passes or has its reason." ;;
    chaos) echo "Faults of every kind (panics, traps, stack overflows, kernels that never check, workers ended from outside, ...) at random moments from a seed, beside 50 jobs whose answers are known. Tells how many jobs were answered wrongly, lost, doubled or hung (any is a failure), and how soon the host recovered. Needs Chromium with --in chromium. 'chaos serve' is about loomwork serve: for --seconds (60) each, requests whose answers are known go on while one of its processes is killed each second, and while SIGHUP restarts them all again and again; tells how many requests were answered wrongly or not at all (any is a failure)." ;;
    soak) echo "1,000,000 small and 2,000 large jobs on one host, then 500 hosts opened and closed: prints memory and threads before and after." ;;
    fuzz) echo "The boundary's decoding natively, then the JavaScript API in Node, each for --minutes (10): random and hostile params, options and orders of calls. A finding is printed as small as it can be made, with the command that shows it again. --only boundary, 'host options', params or sequences. 'fuzz serve' sends loomwork serve --requests (100,000) random requests, made of what its /openapi.json says: right ones, and ones that are wrong in every way; tells how many answers there were of each status, and memory at the start and the end. A crash, a failure without a code, or memory that grows is a failure." ;;
    bench) echo "kernels: measures each kernel at 1 to all threads, in Node (and one in Chromium), and in turn with it, on the same input: the same kernels compiled natively (native), and for all that this machine's processor can do (native-cpu: minutes to compile, once), and the best npm packages for the same work (peers: 450 MB to fetch, once). Every answer is checked. At the end, geometric means over the kernels. --case TEXT: cases whose name has it, again for more. --runs N: 7. --size light or tiny: smaller inputs. --no-peers, --no-native-cpu, --no-native, --no-browser leave out what takes time to set up. --html FILE: a page with plots. dispatch: a no-op through this host, raw messages, piscina, tinypool, workerpool and poolifier. cancel: how soon each running kernel stops. inline: how long each kernel holds the event loop on the caller's own thread. serve: requests a second of loomwork serve, of the same kernels behind piscina and fastify, and of sharp behind fastify. --json prints {machine, runtime, rows}; --out FILE writes it too. 'loomwork bench' is what users have of it." ;;
    clean) echo "Deletes pkg/, out/ and what cargo and the bundler made. 'clean all' deletes target/ and every node_modules too." ;;
    *) fail "no verb is named '$1': see ./build.sh help" 2 ;;
  esac
}

fail() {
  echo "${RED}$1${PLAIN}" >&2
  exit "${2:-1}"
}

seconds_since() {
  awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", to - from }'
}

# step NAME COMMAND…: runs it with its output in a log; says how long it took; shows the log's end when it fails.
step() {
  local name=$1 log begun=$EPOCHREALTIME
  shift
  mkdir -p "$LOGS"
  log=$LOGS/${name//[^a-zA-Z0-9]/-}.log
  printf '%s… ' "$name"
  if "$@" >"$log" 2>&1 </dev/null; then
    echo "${DIM}$(seconds_since "$begun")${PLAIN}"
  else
    echo "${RED}failed after $(seconds_since "$begun")${PLAIN}"
    tail -n 40 "$log" >&2
    fail "$name failed; the whole output is in ${log#"$PWD"/}"
  fi
}


# ── setup ────────────────────────────────────────────────────────────────────────────────────────────────────────────

setup_build() {
  command -v rustup >/dev/null || fail "rustup is missing: install it from https://rustup.rs and open a new shell"
  command -v cc >/dev/null || fail "a C compiler is missing (cargo links with it): install one, on Debian with 'apt-get install build-essential'"
  command -v node >/dev/null || fail "Node is missing: install version $NODE_MAJOR or newer from https://nodejs.org"
  local node_major
  node_major=$(node -p 'process.versions.node.split(".")[0]')
  ((node_major >= NODE_MAJOR)) || fail "Node $(node --version) is too old: install version $NODE_MAJOR or newer from https://nodejs.org"
  command -v npm >/dev/null || fail "npm is missing: it comes with Node from https://nodejs.org, or on Debian with 'apt-get install npm'"

  has_toolchain || step "toolchain $CHANNEL" rustup toolchain install "$CHANNEL" --profile minimal \
    -c rust-src -c clippy -c rustfmt -t wasm32-unknown-unknown
  # Not --locked: its lock names a package version that is not published any more.
  # --debug, as the tools of the tests: compiled in half the time, and of an artifact's two minutes it takes four seconds then instead of one.
  has_tool wasm-bindgen "$WASM_BINDGEN" || step "wasm-bindgen $WASM_BINDGEN (a minute, once)" cargo_install wasm-bindgen-cli "$WASM_BINDGEN" --debug
  setup_npm
}

has_toolchain() {
  local root
  root=$(rustup run "$CHANNEL" rustc --print sysroot 2>/dev/null) || return 1
  [[ -d $root/lib/rustlib/src/rust/library && -d $root/lib/rustlib/wasm32-unknown-unknown && -x $root/bin/cargo-clippy && -x $root/bin/rustfmt ]]
}

has_tool() {
  [[ -x $TOOLS/bin/$1 && $("$TOOLS/bin/$1" --version 2>/dev/null) == *" $2"* ]]
}

# The tools share one build folder: most of what they are made of is the same.
cargo_install() {
  local crate=$1 version=$2
  shift 2
  CARGO_TARGET_DIR=$TOOLS/build CARGO_PROFILE_DEV_DEBUG=0 cargo install --root "$TOOLS" --force --version "$version" "$@" "$crate"
}

setup_npm() {
  npm_install "npm packages" www
}

# The runtimes that the tests run in. Their binaries are in their packages: nothing needs to run after the download.
setup_runtimes() {
  npm_install "runtimes (Node 22 to 26, Deno, Bun, workerd)" tests/everywhere --ignore-scripts
}

# What the kernels are measured against. Their binaries and wasm are in their packages.
setup_peers() {
  npm_install "peers of the benchmarks (450 MB, once)" tests/bench/peers --ignore-scripts
}

# npm_install NAME FOLDER [OPTIONS]: what the folder's lock says, unless it is there.
npm_install() {
  local name=$1 folder=$2 stamp=$2/node_modules/.loomwork-lock
  shift 2
  if [[ ! -f $stamp ]] || ! cmp -s "$folder/package-lock.json" "$stamp"; then
    step "$name" npm ci --prefix "$folder" --no-audit --no-fund "$@"
    cp "$folder/package-lock.json" "$stamp"
  fi
}

# What is downloaded comes while the tools are compiled; what it says is shown when it is there.
setup_test() {
  local said=$LOGS/downloads.txt downloads
  mkdir -p "$LOGS"
  { setup_browsers all && setup_runtimes && setup_python; } >"$said" 2>&1 &
  downloads=$!
  # Whatever ends this script, it does not leave them behind.
  trap 'wait' EXIT
  setup_build
  has_tool wasm-pack "$WASM_PACK_VERSION" || step "wasm-pack $WASM_PACK_VERSION (a minute, once)" cargo_install wasm-pack "$WASM_PACK_VERSION" --locked --debug
  has_tool geckodriver "$GECKODRIVER_VERSION" || step "geckodriver $GECKODRIVER_VERSION (a minute, once)" cargo_install geckodriver "$GECKODRIVER_VERSION" --locked --debug
  local ended=0
  wait "$downloads" || ended=$?
  cat "$said"
  ((ended == 0)) || exit "$ended"
}

# setup_browsers [all]: what the suites browser and bench need, or with WebKit and its display, which has no headless mode, and Redis.
setup_browsers() {
  local missing=()
  has_any "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome || missing+=(chromium)
  has_any "${CHROMEDRIVER:-}" /usr/bin/chromedriver || missing+=(chromium-driver)
  has_any "${FIREFOX:-}" /usr/bin/firefox-esr /usr/bin/firefox || missing+=(firefox-esr)
  if [[ ${1:-} == all ]]; then
    has_any "${WEBKITDRIVER:-}" /usr/bin/WebKitWebDriver || missing+=(webkit2gtk-driver)
    has_any "${XVFB:-}" /usr/bin/Xvfb || missing+=(xvfb)
    has_any "${REDIS_SERVER:-}" /usr/bin/redis-server /usr/local/bin/redis-server || missing+=(redis-server)
  fi
  ((${#missing[@]} == 0)) && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    step "Debian packages (${missing[*]})" install_debian "${missing[@]}"
  else
    fail "the tests need ${missing[*]}: install them (on Debian: 'apt-get install ${missing[*]}'), or name them in CHROMIUM, CHROMEDRIVER, FIREFOX, WEBKITDRIVER, XVFB and REDIS_SERVER"
  fi
}

has_any() {
  local place
  for place in "$@"; do [[ -n $place && -x $place ]] && return 0; done
  return 1
}

install_debian() {
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# NumPy, Pillow and BLAKE3 for Python: the independent references of the tests.
setup_python() {
  local wanted=tests/references/requirements.txt stamp=$TOOLS/python/.loomwork-requirements
  cmp -s "$wanted" "$stamp" && return
  command -v python3 >/dev/null || fail "python3 is missing (the tests compare with NumPy): install it, on Debian with 'apt-get install python3-venv'"
  step "Python references" make_python "$wanted"
  cp "$wanted" "$stamp"
}

make_python() {
  rm -rf "$TOOLS/python"
  python3 -m venv "$TOOLS/python" || { echo "python3 has no venv: on Debian, 'apt-get install python3-venv'"; return 1; }
  "$TOOLS/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$1"
}

# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────────

build() {
  setup_build
  local stamp=target/wasm/build-stamp hash
  hash=$(sources_hash)
  if [[ -f $stamp && $(<"$stamp") == "$hash" && -f pkg/package.json ]]; then
    echo "build: up to date"
    return
  fi
  step "types from Rust" node www/build/generate.mjs
  step "wasm artifacts" node www/build/artifacts.mjs
  grep ' MB' "$LOGS/wasm-artifacts.log"
  step "TypeScript" npm --prefix www run --silent types
  step "npm package" node www/build/bundle.mjs
  # Taken again: generating may have changed a source.
  sources_hash >"$stamp"
}

# The same package with the kernel that fails in every way, for the fault tests: target/faults.
build_faults() {
  build
  local stamp=target/faults-stamp hash
  hash=$(sources_hash)
  if [[ -f $stamp && $(<"$stamp") == "$hash" && -f target/faults/node.js ]]; then return; fi
  step "wasm with fault kernels" node www/build/artifacts.mjs --faults threads simd
  step "fault package" node www/build/bundle.mjs --faults
  echo "$hash" >"$stamp"
}

# One hash of everything that the package is made of.
sources_hash() {
  find src www examples Cargo.toml Cargo.lock rust-toolchain.toml README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE tests/data/hubble_deep_field.jpg \
    -type f -not -path '*/node_modules/*' -not -path 'examples/*/target/*' -not -path 'examples/*/pkg/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# The crate as crates.io would have it, unpacked into out/.
pack_crate() {
  local version
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
  cargo package --no-verify --allow-dirty && rm -rf "out/loomwork-$version" && tar -xzf "target/package/loomwork-$version.crate" -C out
}

# ── test ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

# Each group of kernels by itself, as a crate of one's own may take it.
clippy_groups() {
  local group
  for group in "$@"; do
    cargo clippy --quiet --lib --no-default-features --features "$group" -- -D warnings || return 1
  done
}

suite_lint() {
  cargo fmt --check && cargo clippy --quiet --all-targets -- -D warnings &&
    cargo clippy --quiet --lib --no-default-features --features builtin -- -D warnings &&
    clippy_groups compression images numbers search &&
    cargo clippy --quiet --lib --no-default-features -- -D warnings && RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps && node www/build/generate.mjs --check
}

suite_native() {
  cargo test --quiet
}

# The protocols in shared memory, in every order of what their threads do (src/models.rs).
suite_models() {
  RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR=$PWD/target/loom cargo test --quiet --lib --no-default-features models::
}

# The crate's own tests in a browser, on a real thread pool. wasm-bindgen's runner sends the isolation headers itself.
wasm_pack() {
  local browser=$1 driver=$2 exported flags
  exported=$(printf -- '-Clink-arg=--export=%s ' __wasm_init_tls __tls_size __tls_align __tls_base __heap_base)
  flags="-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals,+simd128 -Clink-arg=--shared-memory -Clink-arg=--import-memory"
  flags+=" -Clink-arg=--max-memory=1073741824 $exported -Cpanic=unwind -Cllvm-args=-wasm-use-legacy-eh"
  # wasm-pack runs 'cargo build' and then 'cargo test': with the profiles dev and test, which must be the same here, or all is compiled twice.
  CARGO_TARGET_DIR=$PWD/target/wasm-pack RUSTFLAGS=$flags CARGO_UNSTABLE_BUILD_STD=std,panic_unwind CARGO_UNSTABLE_BUILD_STD_FEATURES=panic-unwind WASM_BINDGEN_TEST_TIMEOUT=120 \
    env -u CHROMEDRIVER -u GECKODRIVER "$driver" \
    wasm-pack test --headless "--$browser" --mode no-install . --config profile.test.package.loomwork.opt-level=1 --test wasm --no-default-features --features builtin,no-bundler
}
# The runner takes whichever driver is named, whatever the browser asked for: only one may be.
suite_wasm-chromium() { wasm_pack chrome CHROMEDRIVER="${CHROMEDRIVER:-/usr/bin/chromedriver}"; }
suite_wasm-firefox() { wasm_pack firefox GECKODRIVER="${GECKODRIVER:-$TOOLS/bin/geckodriver}"; }

node_test() {
  node --test --test-reporter=spec --test-timeout=600000 "$@"
}
suite_host() { node_test tests/host/*.test.mjs; }
suite_identical() { node_test tests/identical/*.test.mjs; }
suite_fuzz() { node_test tests/fuzz/*.test.mjs; }
# One after the other: they measure how soon things happen, and one looks at all of the process's threads.
suite_chaos() { build_faults && node_test --test-concurrency=1 tests/chaos/*.test.mjs; }
# One after the other: each counts the children of this process.
suite_process() { build_faults && node_test --test-concurrency=1 tests/process/*.test.mjs; }
# One after the other: each starts servers of several processes.
suite_serve() { node_test --test-concurrency=1 tests/serve/*.test.mjs; }
# A real Redis, started by the tests on a port of its own.
suite_queue() { node_test --test-concurrency=1 tests/queue/*.test.mjs; }
suite_cli() { node_test tests/cli/*.test.mjs; }
# One browser at a time: they share the cores.
suite_browser() { node_test --test-concurrency=1 tests/browser/*.test.mjs; }
suite_everywhere() { build_faults && node tests/everywhere/main.mjs && node_test --test-concurrency=1 tests/everywhere/*.test.mjs; }
suite_package() { node_test tests/package/*.test.mjs; }
# One after the other: each builds. What cargo makes stays in target/byo, so that only the first run takes minutes.
suite_byo() { node_test --test-concurrency=1 tests/byo/*.test.mjs; }
# Side by side: each test is one process after another, most of the time on one core.
suite_references() { PYTHON=$TOOLS/python/bin/python node_test --test-concurrency=3 tests/references/*.test.mjs; }

run_tests() {
  local suite all=$EPOCHREALTIME
  for suite in "$@"; do
    [[ " ${SUITES[*]} " == *" $suite "* ]] || fail "no suite is named '$suite': ${SUITES[*]}" 2
  done
  setup_test
  build
  mkdir -p "$LOGS"
  RESULTS=$LOGS/suites.txt
  : >"$RESULTS"
  if (($# > 0)); then
    for suite in "$@"; do
      echo "$BOLD── $suite$PLAIN"
      run_suite "$suite"
    done
  else
    run_chains
  fi
  echo
  sed "s/^pass/  ${GREEN}pass${PLAIN}/; s/^FAIL/  ${RED}FAIL${PLAIN}/" "$RESULTS"
  echo "all tests: $(seconds_since "$all")"
  ! grep -q '^FAIL' "$RESULTS" || fail "failed: $(sed -n 's/^FAIL  \(.*\), .*/\1/p' "$RESULTS" | paste -sd ' ')"
}

# Writes a line of how it went. In a shell of its own: what gives up there ends that suite only.
run_suite() {
  local begun=$EPOCHREALTIME result=FAIL
  if (suite_"$1") </dev/null; then result=pass; fi
  echo "$result  $1, $(seconds_since "$begun")" >>"$RESULTS"
}

# All suites. Each one's output is shown when it has ended, in one piece.
run_chains() {
  local chain running=()
  # In process groups of their own, so that whatever ends this script ends all that they started.
  set -m
  trap 'kill_chains; exit 130' INT TERM
  trap kill_chains EXIT
  for chain in "${CHAINS[@]}"; do
    while running=($(jobs -pr)) && ((${#running[@]} >= AT_A_TIME)); do wait -n || true; done
    run_chain $chain &
  done
  wait
  trap - INT TERM EXIT
  set +m
}

run_chain() {
  local suite log
  for suite in "$@"; do
    log=$LOGS/suite-$suite.log
    echo "$DIM── $suite begins$PLAIN"
    run_suite "$suite" >"$log" 2>&1
    echo "$BOLD── $suite$PLAIN"$'\n'"$(<"$log")"$'\n'
  done
}

kill_chains() {
  local group
  for group in $(jobs -p); do kill -TERM -- "-$group" 2>/dev/null || true; done
}

# ── verbs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

begun=$EPOCHREALTIME
verb=${1:-help}
(($# > 0)) && shift
for argument in "$@"; do
  if [[ $argument == --help || $argument == -h ]] && [[ $verb != demo ]]; then
    help_verb "$verb"
    exit 0
  fi
done
case $verb in
  setup)
    case ${1:-build} in
      build) setup_build ;;
      test) setup_test ;;
      *) fail "setup takes nothing or 'test', not '$1'" 2 ;;
    esac
    echo "set up, $(seconds_since "$begun")"
    ;;
  build)
    build
    echo "built, $(seconds_since "$begun")"
    ;;
  run)
    build
    node www/run/main.mjs
    echo "all of it: $(seconds_since "$begun")"
    ;;
  demo)
    build
    exec node pkg/bin/loomwork.js demo "$@"
    ;;
  pack)
    build
    mkdir -p out
    step "npm package" npm pack ./pkg --pack-destination out
    step "crate" pack_crate
    ls -d out/loomwork-*
    ;;
  test) run_tests "$@" ;;
  bench)
    # The figures go to standard output, alone.
    {
      build
      [[ " $* " == *" --no-browser "* ]] || setup_browsers
      [[ " $* " == *" --no-peers "* || ${1:-} =~ ^(dispatch|cancel|inline|serve)$ ]] || setup_peers
    } >&2
    # Node's zlib and sharp compute in Node's own threads: as many as there are cores.
    UV_THREADPOOL_SIZE=${UV_THREADPOOL_SIZE:-$(node -p 'os.availableParallelism()')} exec node tests/bench/main.mjs "$@"
    ;;
  chaos)
    if [[ ${1:-} == serve ]]; then
      build >&2
      exec node tests/serve/load.mjs "${@:2}"
    fi
    { build_faults; [[ " $* " != *chromium* ]] || setup_browsers; } >&2
    exec node tests/chaos/main.mjs "$@"
    ;;
  soak)
    build >&2
    # Memory is read after a collection: what is dead but not yet collected is no leak.
    exec node --expose-gc tests/chaos/soak.mjs "$@"
    ;;
  fuzz)
    build >&2
    [[ ${1:-} != serve ]] || exec node tests/serve/fuzz.mjs "${@:2}"
    exec node tests/fuzz/main.mjs "$@"
    ;;
  clean)
    case ${1:-built} in
      built) find target -mindepth 1 -maxdepth 1 -not -name tools -exec rm -rf {} + 2>/dev/null || true ;;
      all) rm -rf target www/node_modules tests/everywhere/node_modules tests/bench/peers/node_modules ;;
      *) fail "clean takes nothing or 'all', not '$1'" 2 ;;
    esac
    rm -rf pkg out
    ;;
  help | --help | -h) if (($# > 0)); then help_verb "$1"; else usage; fi ;;
  *) fail "no verb is named '$verb': see ./build.sh help" 2 ;;
esac
