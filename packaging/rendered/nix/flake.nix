# Builds kache from the sources that this is in: `nix build "git+file:///path/to/clone?dir=packaging/rendered/nix"`.
# With one of the modules, `services.kache.enable = true;` has cargo call it, and its daemon started at login.
{
  description = "A Rust build cache: a second build of the same thing costs almost nothing";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: rec {
        kache = pkgs.callPackage ./package.nix { };
        default = kache;
      });

      nixosModules.default = import ./nixos.nix self;
      darwinModules.default = import ./darwin.nix self;
      homeManagerModules.default = import ./home-manager.nix self;

      overlays.default = final: _: { kache = final.callPackage ./package.nix { }; };

      devShells = each (pkgs: {
        default = pkgs.mkShell { packages = [ self.packages.${pkgs.stdenv.hostPlatform.system}.kache ]; };
      });
    };
}
