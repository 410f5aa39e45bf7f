# Builds @name@ from the sources that this is in: `nix build "git+file:///path/to/clone?dir=packaging/rendered/nix"`.
# With one of the modules, `services.@name@.enable = true;` has cargo call it, and its daemon started at login.
{
  description = "@summary@";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
@nix_systems@
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: rec {
        @name@ = pkgs.callPackage ./package.nix { };
        default = @name@;
      });

      nixosModules.default = import ./nixos.nix self;
      darwinModules.default = import ./darwin.nix self;
      homeManagerModules.default = import ./home-manager.nix self;

      overlays.default = final: _: { @name@ = final.callPackage ./package.nix { }; };

      devShells = each (pkgs: {
        default = pkgs.mkShell { packages = [ self.packages.${pkgs.stdenv.hostPlatform.system}.@name@ ]; };
      });
    };
}
