# A module of nix-darwin.
self:

{ config, lib, pkgs, ... }:

let
  cfg = config.services.@name@;
  # A path that stays: users who are logged in keep the variable, and cargo does not work without what it names.
  program = "/run/current-system/sw/bin/kache";
in
{
  options.services.@name@ = import ./options.nix { inherit self lib pkgs; };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.variables = lib.mkIf cfg.wrapper { RUSTC_WRAPPER = program; };
    launchd.user.agents.kache = lib.mkIf cfg.daemon { serviceConfig = import ./agent.nix program; };
  };
}
