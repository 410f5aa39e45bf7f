# An agent of launchd, as `kache daemon install` has it, for the program at this path.
program:

{
  ProgramArguments = [ program "daemon" "run" "--supervised=launchd" ];
  RunAtLoad = true;
  KeepAlive = { SuccessfulExit = false; };
  ThrottleInterval = 10;
  ExitTimeOut = 45;
  ProcessType = "Interactive";
  LimitLoadToSessionType = [ "Aqua" "Background" ];
  Umask = 63;
  SoftResourceLimits = { NumberOfFiles = 65536; };
}
