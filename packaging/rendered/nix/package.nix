{ lib, stdenv, rustPlatform, installShellFiles }:

rustPlatform.buildRustPackage {
  pname = "kache";
  version = "0.1.0";
  src = lib.cleanSource ../../..;
  cargoLock.lockFile = ../../../Cargo.lock;
  nativeBuildInputs = [ installShellFiles ];
  # The tests drive the cargo and the home of who calls them.
  doCheck = false;
  postInstall = ''
    installManPage man/man1/*.1
    installShellCompletion --bash completions/kache.bash --fish completions/kache.fish --zsh completions/_kache
  '' + lib.optionalString stdenv.hostPlatform.isLinux ''
    install -Dm444 -t $out/lib/systemd/user packaging/rendered/systemd/kache.service packaging/rendered/systemd/kache.socket
    substituteInPlace $out/lib/systemd/user/kache.service --replace-fail /usr/bin/kache $out/bin/kache
  '';
  meta = {
    description = "A Rust build cache: a second build of the same thing costs almost nothing";
    homepage = "https://repository.invalid/kache";
    license = lib.licenses.asl20;
    mainProgram = "kache";
  };
}
