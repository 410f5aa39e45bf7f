# A module of NixOS.
self:

{ config, lib, pkgs, ... }:

let
  cfg = config.services.@name@;
in
{
  options.services.@name@ = import ./options.nix { inherit self lib pkgs; };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    # A path that stays: users who are logged in keep the variable, and cargo does not work without what it names.
    environment.sessionVariables = lib.mkIf cfg.wrapper {
      RUSTC_WRAPPER = "/run/current-system/sw/bin/kache";
    };
    # The package brings the units; its socket starts the daemon.
    systemd.packages = lib.mkIf cfg.daemon [ cfg.package ];
    systemd.user.sockets.kache = lib.mkIf cfg.daemon { wantedBy = [ "sockets.target" ]; };
  };
}
