# A module of home-manager.
self:

{ config, lib, pkgs, ... }:

let
  cfg = config.services.@name@;
  inherit (pkgs.stdenv.hostPlatform) isLinux isDarwin;
  # A path that stays: users who are logged in keep the variable, and cargo does not work without what it names.
  program = "${config.home.profileDirectory}/bin/kache";
  unit = name: { source = "${cfg.package}/lib/systemd/user/${name}"; };
in
{
  options.services.@name@ = import ./options.nix { inherit self lib pkgs; };

  config = lib.mkIf cfg.enable {
    home.packages = [ cfg.package ];
    home.sessionVariables = lib.mkIf cfg.wrapper { RUSTC_WRAPPER = program; };
    # The units of the package; its socket starts the daemon.
    xdg.configFile = lib.mkIf (cfg.daemon && isLinux) {
      "systemd/user/kache.service" = unit "kache.service";
      "systemd/user/kache.socket" = unit "kache.socket";
      "systemd/user/sockets.target.wants/kache.socket" = unit "kache.socket";
    };
    launchd.agents.kache = lib.mkIf (cfg.daemon && isDarwin) {
      enable = true;
      config = import ./agent.nix program;
    };
  };
}
