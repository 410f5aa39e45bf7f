# What NixOS, nix-darwin and home-manager can be told of kache: `services.kache`.
{ self, lib, pkgs }:

{
  enable = lib.mkEnableOption "kache, a build cache for Rust";

  package = lib.mkOption {
    type = lib.types.package;
    default = self.packages.${pkgs.stdenv.hostPlatform.system}.kache;
    defaultText = lib.literalExpression "the package of this flake";
    description = "The package to use.";
  };

  wrapper = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether cargo calls it, by the variable RUSTC_WRAPPER. `kache init` would write that into cargo's own configuration.";
  };

  daemon = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether its daemon is started for each user who logs in. Builds do not need it.";
  };
}
