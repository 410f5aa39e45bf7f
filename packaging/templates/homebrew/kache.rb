class Kache < Formula
  desc "Rust build cache that cargo calls in front of the compiler"
  homepage "@repository@"
  version "@version@"
  license "@license@"

  on_macos do
    on_arm do
      url "@repository@/releases/download/v@version@/kache-aarch64-apple-darwin.tar.gz"
      sha256 "@sha256:kache-aarch64-apple-darwin.tar.gz@"
    end
    on_intel do
      url "@repository@/releases/download/v@version@/kache-x86_64-apple-darwin.tar.gz"
      sha256 "@sha256:kache-x86_64-apple-darwin.tar.gz@"
    end
  end

  on_linux do
    on_arm do
      url "@repository@/releases/download/v@version@/kache-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@sha256:kache-aarch64-unknown-linux-musl.tar.gz@"
    end
    on_intel do
      url "@repository@/releases/download/v@version@/kache-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@sha256:kache-x86_64-unknown-linux-musl.tar.gz@"
    end
  end

  def install
    bin.install "kache"
    bash_completion.install "completions/kache.bash" => "kache"
    fish_completion.install "completions/kache.fish"
    zsh_completion.install "completions/_kache"
    man1.install Dir["man/man1/*.1"]
  end

  service do
    run [opt_bin/"kache", "daemon", "run"]
    keep_alive crashed: true
  end

  def caveats
    "`kache init` has cargo call it; run `kache uninstall` before `brew uninstall kache`."
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kache --version")
  end
end
